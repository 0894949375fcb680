// The few of MicroPython's error numbers that store.c uses.
#define MP_ENOENT 2
#define MP_EIO 5
#define MP_EINVAL 22
#define MP_ENOSPC 28
