// STM32F407 interrupt vectors [12.2, table 61].

#include <stdint.h>

#include "fault.h"
#include "stm32f407.h"
#include "stm32f4.h"

#define VECTOR_COUNT 82

#pragma GCC diagnostic ignored "-Woverride-init"

__attribute__((section(".vectors.irq"), used))
const uintptr_t irq_vectors[VECTOR_COUNT] = {
    [0 ... VECTOR_COUNT - 1] = (uintptr_t)fault_handler,
    [TIM2_IRQ] = (uintptr_t)tim2_handler,
    [USART2_IRQ] = (uintptr_t)usart2_handler,
    [USART3_IRQ] = (uintptr_t)usart3_handler,
};
