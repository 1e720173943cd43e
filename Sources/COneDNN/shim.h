// Macros of oneDNN 2.6 that Swift cannot import, and the OpenMP call of the libgomp it uses.
#include <oneapi/dnnl/dnnl.h>

void omp_set_num_threads(int count);

static inline void *dt_memory_none(void) { return DNNL_MEMORY_NONE; }
static inline int dt_arg_src(void) { return DNNL_ARG_SRC; }
static inline int dt_arg_dst(void) { return DNNL_ARG_DST; }
static inline int dt_arg_weights(void) { return DNNL_ARG_WEIGHTS; }
static inline int dt_arg_bias(void) { return DNNL_ARG_BIAS; }
static inline int dt_arg_diff_src(void) { return DNNL_ARG_DIFF_SRC; }
static inline int dt_arg_diff_dst(void) { return DNNL_ARG_DIFF_DST; }
static inline int dt_arg_diff_weights(void) { return DNNL_ARG_DIFF_WEIGHTS; }
static inline int dt_arg_scratchpad(void) { return DNNL_ARG_SCRATCHPAD; }
