/* The outlet on a Nucleo-F767ZI or -H743ZI2. Not tried on hardware. The relay is on PE9, with an external pull-down. */
#include <math.h>
#include <string.h>

#include "FreeRTOS.h"
#include "board.h"
#include "given.h"
#include "key_image.h"
#include "tasks.h"
#ifdef HG_MICRO_ROS
#include "transport.h"
#endif

#define RELAY 9U
#define UTC_OFFSET 0.0 /* of the home's time zone [s]; summer time is not known here */
#define AGENT_RATE 460800U
#define REFINED_PERIOD 21600.0 /* what use teaches of devices is kept so often: five records to an erasure [s] */
#define WATCHDOG 1000U /* [ms] */
#define VOLTAGE_SCALE 0.015 /* of the front end: to be measured on each board [V], [A] a count */
#define CURRENT_SCALE 0.003

static struct hg_app app;

void hg_relay(bool closed) { AT(GPIO + 0x400U * PORT_E, 0x18U) = closed ? 1U << RELAY : 1U << (RELAY + 16U); }

void hg_port_halt(const char *reason)
{
  hg_relay(false);
  (void)reason; /* for a debugger */
  HG_REGISTER(0xe000ed0cU) = 0x5fa0004U; /* AIRCR.SYSRESETREQ */
  for (;;) {
  }
}

void hg_watchdog(void) { AT(IWDG, 0x00U) = 0xaaaaU; }

static void watchdog_start(void)
{
  AT(IWDG, 0x00U) = 0xccccU;
  AT(IWDG, 0x00U) = 0x5555U;
  AT(IWDG, 0x04U) = 3U; /* 32 kHz / 32 */
  AT(IWDG, 0x08U) = WATCHDOG;
  hg_watchdog();
}

static void relay(void *context, bool closed)
{
  (void)context;
  hg_relay(closed);
}

static double temperature(void *context)
{
  (void)context;
  return hg_converter_temperature();
}

static uint32_t chance(void *context)
{
  (void)context;
  AT(RNG, 0x00U) = 1U << 2;
  for (uint32_t k = 0; k < 100000U; k++) {
    if ((AT(RNG, 0x04U) & 0x67U) == 1U) { /* ready, without an error of seed or clock */
      return AT(RNG, 0x08U);
    }
  }
  hg_port_halt("no random numbers");
}

static void local(void *context, double wall, int *weekday, int *minute)
{
  const double days = floor((wall + UTC_OFFSET) / 86400.0);
  (void)context;
  *weekday = (int)fmod(days + 3.0, 7.0); /* 1970 began with a Thursday */
  *minute = (int)((wall + UTC_OFFSET - days * 86400.0) / 60.0);
}

/* To the debugger's trace port, as far as one listens. */
static void say(void *context, hg_log_t level, const char *text)
{
  (void)context;
  (void)level;
  if ((HG_REGISTER(0xe0000e80U) & 1U) == 0 || (HG_REGISTER(0xe0000e00U) & 1U) == 0) {
    return;
  }
  for (const char *c = text;; c++) {
    for (uint32_t k = 0; HG_REGISTER(0xe0000000U) == 0 && k < 10000U; k++) {
    }
    *(volatile uint8_t *)0xe0000000U = (uint8_t)(*c != 0 ? *c : '\n');
    if (*c == 0) {
      return;
    }
  }
}

static void begin(void)
{
  watchdog_start();
  hg_converter_start(HG_NOMINAL);
}

static void idle(void) { __asm__ volatile("wfi"); }

#ifndef HG_MICRO_ROS
/* Nobody to talk to: full mailboxes hold nobody up. */
static uint32_t hg_transport_step(struct hg_app *a, double now)
{
  (void)a;
  (void)now;
  return 1000;
}
#endif

static void read_keys(void)
{
  uint8_t image[HG_KEY_IMAGE_MAX];
  if (!hg_keys_read(image, sizeof image)) {
    memset(image, 0, sizeof image); /* no keys, and no blank sector either: nobody is believed */
  }
  hg_app_key_image(&app, image, sizeof image);
}

int main(void)
{
  static const hg_tasks_settings_t TASKS = {.begin = begin, .comms = hg_transport_step, .alive = hg_watchdog, .idle = idle};
  static hg_app_settings_t settings;
  hg_platform_t platform = {.monotonic = hg_tasks_now, .local = local, .relay = relay, .temperature = temperature,
                            .random = chance, .log = say};
  hg_relay(false);
  hg_clock_start();
  hg_relay(false);
  hg_pin(PORT_E, RELAY, MODE_OUTPUT, 0);
  for (unsigned k = 0; k < HG_KEEPS; k++) {
    platform.flash[k] = hg_kept_flash(k);
  }
#ifdef HG_MICRO_ROS
  hg_uart_start(AGENT_RATE);
  if (!hg_transport_init(&(hg_link_io_t){.send = hg_uart_send, .receive = hg_uart_receive, .framed = true})) {
    hg_port_halt("transport");
  }
#endif
  hg_app_defaults(&settings, HG_OUTLET);
  hg_given_keys(&settings);
  settings.detector.nominal_frequency = HG_NOMINAL;
  settings.sampling_rate = HG_NOMINAL * 128.0;
  settings.scale = (hg_scale_t){VOLTAGE_SCALE, CURRENT_SCALE};
  settings.refined_period = REFINED_PERIOD;
  if (hg_app_init(&app, &settings, &platform) != HG_OK) {
    hg_port_halt("settings");
  }
  read_keys();
  hg_tasks_run(&app, &TASKS);
}

#define IRQ(number) [16 + (number)]
__attribute__((section(".vectors"), used)) static const hg_handler_t VECTORS[16 + 150] = {
  HG_CORE_VECTORS, IRQ(56) = dma2_stream0_handler};
