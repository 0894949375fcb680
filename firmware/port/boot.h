// What main() found out about the last reset, for the board module.
#ifndef PORT_BOOT_H
#define PORT_BOOT_H

#include "chip.h"
#include "fault.h"

extern reset_cause_t boot_reset_cause;
extern fault_registers_t boot_fault;
extern bool boot_fault_pending;

#endif
