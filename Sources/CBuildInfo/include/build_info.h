#ifndef BUILD_INFO_H
#define BUILD_INFO_H

/// The commit this program was built from, with "+" where files had changed; empty if unknown.
const char *build_commit(void);

#endif
