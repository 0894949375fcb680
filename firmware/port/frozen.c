// Frozen modules: what is known of them before they run is in ROM (see port/freeze), the rest is made at boot.

#include "frozen.h"

#include "py/runtime.h"

_Static_assert(FROZEN_BODIES_MAX == 8, "the root pointer below is of that size");
MP_REGISTER_ROOT_POINTER(mp_obj_dict_t frozen_globals[8]);

// A table in RAM takes further modules; that in ROM is never added to.
static void set_up_modules(void) {
    mp_map_t *loaded = &MP_STATE_VM(mp_loaded_modules_dict).map;
    if (!frozen_imports) {
        *loaded = frozen_modules;
        return;
    }
    mp_map_init(loaded, frozen_modules.used + 1);
    for (size_t i = 0; i < frozen_modules.alloc; i++) {
        if (mp_map_slot_is_filled(&frozen_modules, i)) {
            const mp_map_elem_t *module = &frozen_modules.table[i];
            mp_map_lookup(loaded, module->key, MP_MAP_LOOKUP_ADD_IF_NOT_FOUND)->value = module->value;
        }
    }
}

static void store(mp_obj_dict_t *globals, qstr name, mp_obj_t value) {
    mp_obj_dict_store(MP_OBJ_FROM_PTR(globals), MP_OBJ_NEW_QSTR(name), value);
}

// The bodies that have to be executed, main.py's the last.
void frozen_run(void) {
    set_up_modules();
    mp_obj_dict_t *main = mp_globals_get();
    for (size_t i = 0; i < frozen_bodies_count; i++) {
        const frozen_body_t *body = &frozen_bodies[i];
        mp_obj_dict_t *globals = main;
        if (body->entries) {
            globals = &MP_STATE_VM(frozen_globals)[i];
            mp_obj_dict_init(globals, body->entries);
            store(globals, MP_QSTR___name__, MP_OBJ_NEW_QSTR(body->name));
            if (body->path) {
                store(globals, MP_QSTR___path__, MP_OBJ_NEW_QSTR(body->path));
            }
            for (size_t part = 0; part < body->parts_count; part++) {
                const mp_map_elem_t *named = (const mp_map_elem_t *)&body->parts[part];
                store(globals, MP_OBJ_QSTR_VALUE(named->key), named->value);
            }
        }
        mp_globals_set(globals);
        mp_locals_set(globals);
        mp_call_function_0(MP_OBJ_FROM_PTR(body->function));
    }
}
