CHIP = stm32f4
