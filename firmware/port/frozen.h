// Objects of frozen modules in ROM: made by port/freeze, used by frozen.c.
#ifndef PORT_FROZEN_H
#define PORT_FROZEN_H

#include <stdbool.h>
#include <stddef.h>

#include "py/bc.h"
#include "py/emitglue.h"
#include "py/mpstate.h"
#include "py/objfun.h"
#include "py/objgenerator.h"
#include "py/objmodule.h"
#include "py/objtype.h"

// Modules whose body is executed at boot.
#define FROZEN_BODIES_MAX 8

// What the symbol is called in the image.
#define FROZEN_NAME(name) __asm__(name)

// mp_obj_fun_bc_t without default values, and with as many.
typedef struct {
    mp_obj_base_t base;
    const mp_module_context_t *context;
    struct _mp_raw_code_t *const *child_table;
    const byte *bytecode;
} frozen_function_t;

#define FROZEN_FUNCTION_WITH(defaults) \
    typedef struct { \
        frozen_function_t function; \
        mp_rom_obj_t values[defaults]; \
    } frozen_function_##defaults##_t

_Static_assert(sizeof(frozen_function_t) == offsetof(mp_obj_fun_bc_t, extra_args), "mp_obj_fun_bc_t has changed");

#define FROZEN_FUNCTION(kind, module, children, code) \
    {{&mp_type_##kind}, &(module), (void *)(children), (code)}

// A table that py/map.c looks into by hash, and never stores to.
#define FROZEN_MAP(entries, size, table_) { \
        .all_keys_are_qstrs = 1, .is_fixed = 1, .is_ordered = 0, \
        .used = (entries), .alloc = (size), .table = (mp_map_elem_t *)(table_), \
    }
#define FROZEN_DICT(entries, size, table) {{&mp_type_dict}, FROZEN_MAP(entries, size, table)}

// What mp_obj_new_type makes (py/objtype.c).
typedef mp_obj_full_type_t frozen_class_t;
#define FROZEN_TYPE(name_, parent_index) \
    .base = {&mp_type_type}, \
    .flags = MP_TYPE_FLAG_EQ_NOT_REFLEXIVE | MP_TYPE_FLAG_EQ_CHECKS_OTHER_TYPE | MP_TYPE_FLAG_EQ_HAS_NEQ_TEST \
        | MP_TYPE_FLAG_ITER_IS_GETITER | MP_TYPE_FLAG_INSTANCE_TYPE, \
    .name = (name_), \
    .slot_index_make_new = 1, .slot_index_print = 2, .slot_index_call = 3, .slot_index_unary_op = 4, \
    .slot_index_binary_op = 5, .slot_index_attr = 6, .slot_index_subscr = 7, .slot_index_iter = 8, \
    .slot_index_buffer = 9, .slot_index_locals_dict = 10, .slot_index_parent = (parent_index)
#define FROZEN_SLOTS(locals) \
    frozen_make_new, frozen_print, mp_obj_instance_call, frozen_unary_op, frozen_binary_op, frozen_attr, \
    frozen_subscr, mp_obj_instance_getiter, frozen_buffer, &(locals)

#define FROZEN_CLASS(name, locals) {FROZEN_TYPE(name, 0), .slots = {FROZEN_SLOTS(locals)}}
#define FROZEN_SUBCLASS(name, locals, parent) {FROZEN_TYPE(name, 11), .slots = {FROZEN_SLOTS(locals), &(parent)}}

// Of objtype.c, where they are static.
mp_obj_t frozen_make_new(const mp_obj_type_t *self, size_t n_args, size_t n_kw, const mp_obj_t *args);
void frozen_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind);
mp_obj_t frozen_unary_op(mp_unary_op_t op, mp_obj_t self_in);
mp_obj_t frozen_binary_op(mp_binary_op_t op, mp_obj_t lhs_in, mp_obj_t rhs_in);
void frozen_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest);
mp_obj_t frozen_subscr(mp_obj_t self_in, mp_obj_t index, mp_obj_t value);
mp_int_t frozen_buffer(mp_obj_t self_in, mp_buffer_info_t *bufinfo, mp_uint_t flags);

typedef struct {
    const frozen_function_t *function;
    const mp_rom_map_elem_t *parts; // modules in a package
    uint8_t parts_count;
    uint8_t entries; // that its globals will have; none: those of __main__
    qstr_short_t name;
    qstr_short_t path; // of a package
} frozen_body_t;

extern const frozen_body_t frozen_bodies[];
extern const size_t frozen_bodies_count;
// All modules by name. Others are imported from mp_frozen_names, if there are.
extern const mp_map_t frozen_modules;
extern const bool frozen_imports;

void frozen_run(void);

#endif
