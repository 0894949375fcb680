// What is in the virtual machine, and what is not. Starts from MicroPython's minimum; everything above it
// is listed here because the station or asyncio needs it.

#include <alloca.h>
#include <stdint.h>

#include "board.h"

#define MICROPY_CONFIG_ROM_LEVEL                (MICROPY_CONFIG_ROM_LEVEL_MINIMUM)

// Build: frozen bytecode only. External import and sys.path stay on, or frozen packages are not found.
#define MICROPY_ENABLE_COMPILER                 (FEATURE_REPL)
#define MICROPY_PY_BUILTINS_COMPILE             (FEATURE_REPL)
#define MICROPY_PY_BUILTINS_EVAL_EXEC           (FEATURE_REPL)
#define MICROPY_ENABLE_EXTERNAL_IMPORT          (1)
#define MICROPY_PY_SYS_PATH                     (1)
#define MICROPY_PY_SYS_PATH_ARGV_DEFAULTS       (1)
#define MICROPY_PY_SYS_ARGV                     (0)
#undef MICROPY_MODULE_FROZEN_STR
#define MICROPY_MODULE_FROZEN_STR               (0)
#define MICROPY_QSTR_BYTES_IN_HASH              (1)
#define MICROPY_ALLOC_PATH_MAX                  (64)
#define MICROPY_ALLOC_GC_STACK_SIZE             (32)
#define MICROPY_OPT_MAP_LOOKUP_CACHE            (FEATURE_LOOKUP_CACHE) // 128 bytes of RAM for 8 % of all instructions
#define MICROPY_OPT_LOAD_ATTR_FAST_PATH         (FEATURE_ATTRIBUTE_PATH)
#define MICROPY_OPT_COMPUTED_GOTO               (FEATURE_COMPUTED_GOTO)

// Memory and numbers.
#define MICROPY_ENABLE_GC                       (1)
#define MICROPY_GC_ALLOC_THRESHOLD              (1)
#define MICROPY_STACK_CHECK                     (FEATURE_STACK_CHECK)
#define MICROPY_STACK_CHECK_MARGIN              (1024)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF  (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE    (192)
#define MICROPY_LONGINT_IMPL                    (MICROPY_LONGINT_IMPL_LONGLONG)
#define MICROPY_FLOAT_IMPL                      (MICROPY_FLOAT_IMPL_NONE)
#define MICROPY_PY_BUILTINS_COMPLEX             (0)

// Errors: names and lines for the log, and texts.
#define MICROPY_ENABLE_SOURCE_LINE              (FROZEN_NAMES)
#if FEATURE_ERROR_DETAILS
#define MICROPY_ERROR_REPORTING                 (MICROPY_ERROR_REPORTING_DETAILED)
#elif FEATURE_ERROR_TEXTS
#define MICROPY_ERROR_REPORTING                 (MICROPY_ERROR_REPORTING_TERSE)
#else
#define MICROPY_ERROR_REPORTING                 (MICROPY_ERROR_REPORTING_NONE)
#endif
#define MICROPY_FULL_CHECKS                     (1)
#define MICROPY_CPYTHON_COMPAT                  (1)

// Language.
#define MICROPY_PY_ASYNC_AWAIT                  (1)
#define MICROPY_PY_GENERATOR_PEND_THROW         (0)
#define MICROPY_MODULE_GETATTR                  (1)
#define MICROPY_MULTIPLE_INHERITANCE            (0)
#define MICROPY_PY_ALL_SPECIAL_METHODS          (0)
#define MICROPY_BUILTIN_METHOD_CHECK_SELF_ARG   (1)
#define MICROPY_PY_BUILTINS_STR_UNICODE         (1)
#define MICROPY_PY_BUILTINS_STR_UNICODE_CHECK   (1)
#define MICROPY_PY_BUILTINS_STR_COUNT           (1)
#define MICROPY_PY_BUILTINS_STR_OP_MODULO       (1)
#define MICROPY_PY_BUILTINS_STR_PARTITION       (1)
#define MICROPY_PY_BUILTINS_BYTES_HEX           (1)
#define MICROPY_PY_BUILTINS_BYTEARRAY           (1)
#define MICROPY_PY_BUILTINS_MEMORYVIEW          (1)
#define MICROPY_PY_ARRAY                        (0)
#define MICROPY_PY_ARRAY_SLICE_ASSIGN           (1)
#define MICROPY_PY_BUILTINS_SLICE               (1)
#define MICROPY_PY_BUILTINS_SET                 (0)
#define MICROPY_PY_BUILTINS_PROPERTY            (0)
#define MICROPY_PY_BUILTINS_ENUMERATE           (1)
#define MICROPY_PY_BUILTINS_FILTER              (0)
#define MICROPY_PY_BUILTINS_REVERSED            (0)
#define MICROPY_PY_BUILTINS_MIN_MAX             (1)
#define MICROPY_PY_BUILTINS_NEXT2               (1)
#define MICROPY_PY_BUILTINS_DICT_FROMKEYS       (0)
#define MICROPY_PY_BUILTINS_RANGE_ATTRS         (0)
#define MICROPY_PY_ATTRTUPLE                    (0)
#define MICROPY_PY___FILE__                     (0)

// Modules.
#define MICROPY_PY_ASYNCIO                      (1)
#define MICROPY_PY_SELECT                       (1)
#define MICROPY_PY_SELECT_SELECT                (0)
#define MICROPY_STREAMS_NON_BLOCK               (1)
#define MICROPY_PY_TIME                         (1)
#define MICROPY_PY_GC                           (1)
#define MICROPY_PY_IO                           (1)
#define MICROPY_PY_IO_IOBASE                    (0)
#define MICROPY_PY_SYS                          (1)
#define MICROPY_PY_SYS_MODULES                  (0)
#define MICROPY_PY_SYS_STDFILES                 (1)
#define MICROPY_PY_SYS_STDIO_BUFFER             (0)
#define MICROPY_PY_SYS_PLATFORM                 MICROPY_HW_BOARD_NAME
#define MICROPY_PY_JSON                         (1)
#define MICROPY_PY_JSON_SEPARATORS              (1)
#define MICROPY_PY_BINASCII                     (1)
#define MICROPY_PY_BINASCII_CRC32               (0)
#define MICROPY_PY_ERRNO                        (1)
#define MICROPY_PY_ERRNO_ERRORCODE              (0)
#define MICROPY_PY_COLLECTIONS                  (0)
#define MICROPY_PY_COLLECTIONS_DEQUE            (0)
#define MICROPY_PY_STRUCT                       (0)
#define MICROPY_PY_MICROPYTHON                  (1)
#define MICROPY_PY_MICROPYTHON_MEM_INFO         (0)
#define MICROPY_USE_INTERNAL_ERRNO              (1)

// No date in the image: two builds of the same sources are the same bytes.
#define MICROPY_BANNER_NAME_AND_VERSION         "MicroPython " MICROPY_VERSION_STRING

#define MP_SSIZE_MAX                            (0x7fffffff)
#define MP_STATE_PORT                           MP_STATE_VM
typedef int32_t mp_int_t;
typedef uint32_t mp_uint_t;
typedef long mp_off_t;
#define UINT_FMT "%lu"
#define INT_FMT "%ld"
