// Open MPI's handles and constants are casts inside macros, which Swift cannot import.
#include <mpi.h>

static inline MPI_Comm dt_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm dt_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Info dt_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Win dt_win_null(void) { return MPI_WIN_NULL; }
static inline MPI_Request dt_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Errhandler dt_errors_return(void) { return MPI_ERRORS_RETURN; }

static inline MPI_Datatype dt_byte(void) { return MPI_BYTE; }
static inline MPI_Datatype dt_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype dt_int64(void) { return MPI_INT64_T; }
static inline MPI_Datatype dt_uint64(void) { return MPI_UINT64_T; }
static inline MPI_Datatype dt_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype dt_double(void) { return MPI_DOUBLE; }

static inline MPI_Op dt_sum(void) { return MPI_SUM; }
static inline MPI_Op dt_min(void) { return MPI_MIN; }
static inline MPI_Op dt_max(void) { return MPI_MAX; }

static inline void *dt_in_place(void) { return MPI_IN_PLACE; }
static inline MPI_Status *dt_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *dt_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }
static inline int dt_any_source(void) { return MPI_ANY_SOURCE; }
static inline int dt_any_tag(void) { return MPI_ANY_TAG; }
