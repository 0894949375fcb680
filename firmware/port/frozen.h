// Function objects of frozen modules in ROM: made by port/freeze behind frozen_content.c, used by frozen.c.
#ifndef PORT_FROZEN_H
#define PORT_FROZEN_H

#include <stddef.h>

#include "py/bc.h"
#include "py/emitglue.h"
#include "py/mpstate.h"
#include "py/objfun.h"
#include "py/objgenerator.h"

#if FEATURE_TLS
#define FROZEN_MODULES_MAX 40
#else
#define FROZEN_MODULES_MAX 36
#endif
#define FROZEN_CONTEXT_WORDS (sizeof(mp_module_context_t) / sizeof(void *))

// mp_obj_fun_bc_t without default values.
typedef struct {
    mp_obj_base_t base;
    const mp_module_context_t *context;
    struct _mp_raw_code_t *const *child_table;
    const byte *bytecode;
} frozen_function_t;

_Static_assert(sizeof(frozen_function_t) == offsetof(mp_obj_fun_bc_t, extra_args), "mp_obj_fun_bc_t has changed");

typedef struct {
    const void *body; // mp_proto_fun_t of the module
    const frozen_function_t *functions;
    size_t count;
} frozen_functions_t;

#define FROZEN_CONTEXT(module) \
    ((const mp_module_context_t *)&MP_STATE_VM(frozen_contexts)[(module) * FROZEN_CONTEXT_WORDS])
#define FROZEN_FUNCTION(kind, module, children, code) \
    {{&mp_type_##kind}, FROZEN_CONTEXT(module), (void *)(children), (code)}

extern const frozen_functions_t frozen_functions[];
extern const size_t frozen_functions_count;

#endif
