// What frozen modules define without default values need not be made in RAM: 16 bytes for each function.
//
// A function object refers to its module's context (globals and constants), which has to be at an address
// known to the linker: the contexts of frozen modules are kept among the roots of the garbage collector.

#include <string.h>

#include "frozen.h"

#include <string.h>

#include "py/runtime.h"

_Static_assert(FROZEN_CONTEXT_WORDS == 4, "mp_module_context_t has changed");
_Static_assert(FROZEN_MODULES_MAX == (FEATURE_TLS ? 40 : 36), "the root pointer below is of that size");
#if FEATURE_TLS
MP_REGISTER_ROOT_POINTER(void *frozen_contexts[40 * 4]);
#else
MP_REGISTER_ROOT_POINTER(void *frozen_contexts[36 * 4]);
#endif

mp_obj_t __real_mp_make_function_from_proto_fun(
    mp_proto_fun_t proto_fun, const mp_module_context_t *context, const mp_obj_t *def_args);
mp_obj_t __wrap_mp_make_function_from_proto_fun(
    mp_proto_fun_t proto_fun, const mp_module_context_t *context, const mp_obj_t *def_args);

static const byte *bytecode_of(mp_proto_fun_t proto_fun) {
    return mp_proto_fun_is_bytecode(proto_fun) ? proto_fun : ((const mp_raw_code_t *)proto_fun)->fun_data;
}

// The module's body is made into a function in RAM, which runs once, with the context that the others share.
static const mp_module_context_t *fixed_context(mp_proto_fun_t body, const mp_module_context_t *context) {
    for (size_t i = 0; i < frozen_functions_count; i++) {
        if (frozen_functions[i].body == body) {
            memcpy(&MP_STATE_VM(frozen_contexts)[i * FROZEN_CONTEXT_WORDS], context, sizeof(*context));
            return FROZEN_CONTEXT(i);
        }
    }
    return context;
}

// Stands in for MicroPython's own, by the linker's --wrap, where bytecode makes a function or runs a module.
mp_obj_t __wrap_mp_make_function_from_proto_fun(
    mp_proto_fun_t proto_fun, const mp_module_context_t *context, const mp_obj_t *def_args) {
    size_t module = (size_t)(context - FROZEN_CONTEXT(0));
    if (context < FROZEN_CONTEXT(0) || module >= frozen_functions_count) {
        context = fixed_context(proto_fun, context);
    } else if (def_args == NULL) {
        const byte *bytecode = bytecode_of(proto_fun);
        const frozen_function_t *function = frozen_functions[module].functions;
        for (size_t left = frozen_functions[module].count; left > 0; left--, function++) {
            if (function->bytecode == bytecode) {
                return MP_OBJ_FROM_PTR(function);
            }
        }
    }
    return __real_mp_make_function_from_proto_fun(proto_fun, context, def_args);
}
