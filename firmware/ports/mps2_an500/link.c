/* With micro-ROS: the agent on the board's first UART, framed; how tasks and memory fare is told every ten seconds. */
#include "FreeRTOS.h"
#include "board.h"
#include "semihost.h"
#include "startup.h"
#include "transport.h"

#define UART 0x40004000U
#define DATA (UART + 0x00U)
#define STATE (UART + 0x04U) /* 1: cannot take a byte; 2: has one */
#define CONTROL (UART + 0x08U)
#define CLEAR (UART + 0x0cU)
#define DIVIDER (UART + 0x10U)
#define RECEIVED 2048U
#define REPORT_PERIOD 10.0

const double hg_play_save_period = 30.0;

static volatile uint8_t received[RECEIVED];
static volatile uint32_t written;
static uint32_t taken;
static double reported_at;

void hg_play_uart_handler(void)
{
  HG_REGISTER(CLEAR) = 2U;
  while ((HG_REGISTER(STATE) & 2U) != 0) {
    const uint8_t byte = (uint8_t)HG_REGISTER(DATA);
    received[written % RECEIVED] = byte; /* an overrun spoils frames, and their checksums tell */
    written++;
  }
}

static size_t send(const uint8_t *bytes, size_t count)
{
  size_t k = 0;
  while (k < count && (HG_REGISTER(STATE) & 1U) == 0) {
    HG_REGISTER(DATA) = bytes[k++];
  }
  return k;
}

static size_t receive(uint8_t *bytes, size_t room)
{
  size_t count = 0;
  while (count < room && taken != written) {
    bytes[count++] = received[taken++ % RECEIVED];
  }
  return count;
}

bool hg_play_alive(uint32_t sample)
{
  (void)sample;
  return true;
}

void hg_play_sampled(uint32_t sample) { (void)sample; }
void hg_play_idle(void) { __asm__ volatile("wfi"); }

void hg_play_begin(void)
{
  HG_REGISTER(DIVIDER) = 16U;
  HG_REGISTER(CONTROL) = 11U; /* both ways, with the receiver's interrupt */
  hg_interrupt(0, configMAX_SYSCALL_INTERRUPT_PRIORITY + 0x10U);
  if (!hg_transport_init(&(hg_link_io_t){.send = send, .receive = receive, .framed = true})) {
    hg_port_halt("transport");
  }
}

uint32_t hg_play_step(struct hg_app *app, double now)
{
  const uint32_t sleep = hg_transport_step(app, now);
  if (now - reported_at >= REPORT_PERIOD) {
    reported_at = now;
    hg_board_report();
    hg_semihost_count("count", "middleware_heap", hg_transport_heap());
  }
  return sleep;
}
