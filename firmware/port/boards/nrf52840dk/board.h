// nRF52840 DK (PCA10056). Its reset button resets the chip once UICR.PSELRESET names P0.18, which programmers
// set (nrfjprog --pinreset); the image leaves the UICR alone.

#define MICROPY_HW_BOARD_NAME "nrf52840dk"
#define MICROPY_HW_MCU_NAME "nRF52840"

#define BOARD_MODEM_UART_PORT 1u // P1.02, P1.01: Arduino header D1, D0
#define BOARD_MODEM_TX_PIN 2u
#define BOARD_MODEM_RX_PIN 1u
#define BOARD_EVSE_UART_PORT 1u // P1.04, P1.03: Arduino header D3, D2
#define BOARD_EVSE_TX_PIN 4u
#define BOARD_EVSE_RX_PIN 3u
#define BOARD_MODEM_ENABLE_PORT 0u // P0.20
#define BOARD_MODEM_ENABLE_PIN 20u
