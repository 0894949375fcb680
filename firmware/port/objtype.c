// MicroPython's classes, with what a class in ROM needs of them made known to the linker (see frozen.h).

#include "py/objtype.c"

#include "frozen.h"

mp_obj_t frozen_make_new(const mp_obj_type_t *self, size_t n_args, size_t n_kw, const mp_obj_t *args)
__attribute__((alias("mp_obj_instance_make_new")));
void frozen_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind)
__attribute__((alias("instance_print")));
mp_obj_t frozen_unary_op(mp_unary_op_t op, mp_obj_t self_in) __attribute__((alias("instance_unary_op")));
mp_obj_t frozen_binary_op(mp_binary_op_t op, mp_obj_t lhs_in, mp_obj_t rhs_in)
__attribute__((alias("instance_binary_op")));
void frozen_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) __attribute__((alias("mp_obj_instance_attr")));
mp_obj_t frozen_subscr(mp_obj_t self_in, mp_obj_t index, mp_obj_t value)
__attribute__((alias("instance_subscr")));
mp_int_t frozen_buffer(mp_obj_t self_in, mp_buffer_info_t *bufinfo, mp_uint_t flags)
__attribute__((alias("instance_get_buffer")));
