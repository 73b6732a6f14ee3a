/* USART3 on PD8 and PD9, which the ST-Link shows as a serial port: received bytes go round in a buffer, sent ones are
 * copied and go out behind the caller's back. For one task. */
#include <string.h>

#include "board.h"

#define RECEIVE (DMA1 + 0x10U + 0x18U * 1U)
#define SEND (DMA1 + 0x10U + 0x18U * 3U)
#define RECEIVED 1024U
#define SENT 512U
#ifdef HG_PORT_stm32f767
#define CHANNEL (4U << 25)
#else
#define CHANNEL 0U
#define DMAMUX1 0x40020800U
#endif

static volatile uint8_t received[RECEIVED];
static uint8_t sent[SENT];
static uint32_t taken;

void hg_uart_start(uint32_t rate)
{
  hg_pin(PORT_D, 8, MODE_ALTERNATE, 7);
  hg_pin(PORT_D, 9, MODE_ALTERNATE, 7);
#ifdef HG_PORT_stm32h743
  AT(DMAMUX1, 4U * 1U) = 45U; /* USART3_RX */
  AT(DMAMUX1, 4U * 3U) = 46U; /* USART3_TX */
#endif
  AT(USART3, 0x00U) = 0;
  AT(USART3, 0x0cU) = (UART_CLOCK + rate / 2U) / rate;
  AT(USART3, 0x08U) = 1U << 12 | 1U << 7 | 1U << 6; /* no overrun error; DMA both ways */
  AT(RECEIVE, 0x08U) = USART3 + 0x24U;
  AT(RECEIVE, 0x0cU) = (uint32_t)(uintptr_t)received;
  AT(RECEIVE, 0x04U) = RECEIVED;
  AT(RECEIVE, 0x00U) = CHANNEL | 1U << 10 | 1U << 8;
  AT(RECEIVE, 0x00U) |= 1U;
  AT(USART3, 0x00U) = 1U << 3 | 1U << 2 | 1U;
  taken = 0;
}

size_t hg_uart_send(const uint8_t *bytes, size_t count)
{
  if ((AT(SEND, 0x00U) & 1U) != 0) {
    return 0; /* the last ones are still going out */
  }
  count = count < SENT ? count : SENT;
  memcpy(sent, bytes, count);
  AT(DMA1, 0x08U) = 0x3dU << 22; /* LIFCR of stream 3 */
  AT(SEND, 0x08U) = USART3 + 0x28U;
  AT(SEND, 0x0cU) = (uint32_t)(uintptr_t)sent;
  AT(SEND, 0x04U) = (uint32_t)count;
  AT(SEND, 0x00U) = CHANNEL | 1U << 10 | 1U << 6;
  __asm__ volatile("dsb" ::: "memory");
  AT(SEND, 0x00U) |= 1U;
  return count;
}

size_t hg_uart_receive(uint8_t *bytes, size_t room)
{
  const uint32_t written = RECEIVED - AT(RECEIVE, 0x04U);
  size_t count = 0;
  while (count < room && taken != written % RECEIVED) {
    bytes[count++] = received[taken];
    taken = (taken + 1U) % RECEIVED;
  }
  return count;
}
