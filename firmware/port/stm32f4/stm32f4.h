// Shared between the files of this folder.
#ifndef PORT_STM32F4_H
#define PORT_STM32F4_H

#include <stdint.h>

extern uint32_t stm32_apb1_hz, stm32_apb1_timer_hz;

void stm32_clock_on(volatile uint32_t *enable, uint32_t mask);

void tim2_handler(void);
void usart2_handler(void);
void usart3_handler(void);

#endif
