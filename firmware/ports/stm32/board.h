/* Nucleo-F767ZI (RM0410) and Nucleo-H743ZI2 (RM0433) by the addresses of their reference manuals. Not tried on hardware. */
#ifndef HEARTHGRID_BOARD_H
#define HEARTHGRID_BOARD_H

#include "app.h"
#include "startup.h"

#ifdef HG_PORT_stm32f767
#define TIMER_CLOCK 216000000U /* of timers on APB1, RCC_DCKCFGR1.TIMPRE */
#define UART_CLOCK 54000000U
#define OVERSAMPLED 15U /* conversions of 12 bits: 0 to 4095 become -32768 to 32767 */
#define SAMPLE(sum) ((int16_t)((int32_t)((sum) * 16U / OVERSAMPLED + (sum) / (OVERSAMPLED * 256U)) - 32768))
#define GPIO 0x40020000U
#define DMA1 0x40026000U
#define DMA2 0x40026400U
#define RNG 0x50060800U
#define IWDG 0x40003000U
#define KEPT_SECTOR 16384U /* the first four of bank 2 */
#define DEVICES 0x08120000U /* sectors 5 and 6 of bank 2 */
#define DEVICES_FIRST 5U
#define KEYS 0x08110000U /* sector 4 of bank 2; hearthgrid/board_keys.py has the same */
#else
#define TIMER_CLOCK 192000000U
#define UART_CLOCK 96000000U
#define OVERSAMPLED 10U /* conversions of 16 bits, their mean */
#define SAMPLE(sum) ((int16_t)((int32_t)((sum) / OVERSAMPLED) - 32768))
#define GPIO 0x58020000U
#define DMA1 0x40020000U
#define DMA2 0x40020400U
#define RNG 0x48021800U
#define IWDG 0x58004800U
#define KEPT_SECTOR 131072U
#define DEVICES 0x08180000U /* sectors 4 and 5 of bank 2 */
#define DEVICES_FIRST 4U
#define KEYS 0x081c0000U /* sector 6 of bank 2; hearthgrid/board_keys.py has the same */
#endif
#define KEPT 0x08100000U
#define DEVICES_SECTOR 131072U
#define USART3 0x40004800U
#define TIM6 0x40001000U

#define AT(base, offset) HG_REGISTER((base) + (offset))

enum { PORT_A = 0, PORT_C = 2, PORT_D = 3, PORT_E = 4, PORT_F = 5 };
enum { MODE_OUTPUT = 1, MODE_ALTERNATE = 2, MODE_ANALOG = 3 };

/* clock.c: clocks of core and peripherals, flash wait states, instruction cache. */
void hg_clock_start(void);
void hg_pin(unsigned port, unsigned pin, unsigned mode, unsigned alternate);

/* converter.c: both channels at the same instants, triggered by TIM6; `nominal` of the mains [Hz]. */
void hg_converter_start(unsigned nominal);
double hg_converter_temperature(void);

/* flash.c: journal `keep` in two sectors of bank 2. */
hg_flash_t hg_kept_flash(unsigned keep);

/* flash.c: what lies in the sector of the keys, which this firmware never writes; false where it cannot be read. */
bool hg_keys_read(uint8_t *out, uint32_t count);

/* main.c */
void hg_relay(bool closed);
void hg_watchdog(void);

/* uart.c: USART3 by DMA. Non-blocking; they return how many bytes were taken or given. */
void hg_uart_start(uint32_t rate);
size_t hg_uart_send(const uint8_t *bytes, size_t count);
size_t hg_uart_receive(uint8_t *bytes, size_t room);

void dma2_stream0_handler(void);

#endif
