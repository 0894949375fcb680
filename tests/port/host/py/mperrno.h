// The few of MicroPython's error numbers that store.c and modtls.c use.
#define MP_ENOENT 2
#define MP_EIO 5
#define MP_EINVAL 22
#define MP_ENOSPC 28
#define MP_ENOMEM 12
#define MP_ENOTCONN 107
