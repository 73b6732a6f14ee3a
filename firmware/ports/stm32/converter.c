/* TIM6 triggers ADC1 (voltage) and ADC2 (current) at the same instant; DMA2 stream 0 fills two halves of a buffer in turn
 * with both in one word, and each half becomes a sample. ADC3 looks at the contacts' thermistor when it is asked. */
#include <math.h>

#include "FreeRTOS.h"
#include "board.h"
#include "tasks.h"

#define INTERRUPT 56U /* DMA2_Stream0 */
#define STREAM (DMA2 + 0x10U)
#define HALF 0x10U /* LISR, LIFCR: half transferred, complete, error */
#define COMPLETE 0x20U
#define ERRORS 0x0cU
/* DMA: 32 bits, to memory, circular, half, complete, error; channel 0 on F7. */
#define STREAM_SETUP (3U << 16 | 2U << 13 | 2U << 11 | 1U << 10 | 1U << 8 | 1U << 4 | 1U << 3 | 1U << 2)
#define PULL_UP 10e3 /* to the reference [ohm] */
#define NTC 10e3     /* at 25 degrees [ohm] */
#define BETA 3950.0  /* [K] */

static volatile uint32_t pairs[2][OVERSAMPLED];

static void half(const volatile uint32_t *pair)
{
  uint32_t voltage = 0, current = 0;
  for (uint32_t k = 0; k < OVERSAMPLED; k++) {
    voltage += pair[k] & 0xffffU;
    current += pair[k] >> 16;
  }
  if (hg_tasks_sample(SAMPLE(voltage), SAMPLE(current))) {
    hg_relay(false);
  }
}

void dma2_stream0_handler(void)
{
  const uint32_t flags = AT(DMA2, 0x00U) & 0x3fU;
  AT(DMA2, 0x08U) = flags;
  if ((flags & ERRORS) != 0) {
    hg_port_halt("the converter's transfer failed");
  }
  if ((flags & HALF) != 0) {
    half(pairs[0]);
  }
  if ((flags & COMPLETE) != 0) {
    half(pairs[1]);
  }
}

static void transfer(uint32_t source)
{
  AT(STREAM, 0x04U) = 2U * OVERSAMPLED;
  AT(STREAM, 0x08U) = source;
  AT(STREAM, 0x0cU) = (uint32_t)(uintptr_t)pairs;
  AT(STREAM, 0x00U) = STREAM_SETUP;
  hg_interrupt(INTERRUPT, HG_CONVERTER_PRIORITY);
  AT(STREAM, 0x00U) = STREAM_SETUP | 1U;
}

static void trigger(unsigned nominal)
{
  AT(TIM6, 0x28U) = 0;
  AT(TIM6, 0x2cU) = TIMER_CLOCK / (nominal * 128U * OVERSAMPLED) - 1U; /* without remainder at 50 and 60 Hz */
  AT(TIM6, 0x04U) = 2U << 4; /* its update is the trigger */
  AT(TIM6, 0x14U) = 1U;
  AT(TIM6, 0x00U) = 1U;
}

static double celsius(double share)
{
  if (!(share > 0.005 && share < 0.995)) {
    return (double)NAN; /* broken off, or shorted */
  }
  return 1.0 / (1.0 / 298.15 + log(PULL_UP / NTC * share / (1.0 - share)) / BETA) - 273.15;
}

#ifdef HG_PORT_stm32f767
#define ADC1 0x40012000U
#define ADC2 0x40012100U
#define ADC3 0x40012200U
#define ADC_COMMON 0x40012300U

void hg_converter_start(unsigned nominal)
{
  hg_pin(PORT_A, 3, MODE_ANALOG, 0); /* ADC1 IN3 */
  hg_pin(PORT_C, 0, MODE_ANALOG, 0); /* ADC2 IN10 */
  hg_pin(PORT_F, 3, MODE_ANALOG, 0); /* ADC3 IN9 */
  AT(ADC_COMMON, 0x04U) = 1U << 16 | 2U << 14 | 1U << 13 | 6U; /* 27 MHz; DMA mode 2 without end; simultaneous */
  AT(ADC1, 0x10U) = 3U << 9;  /* IN3: 56 cycles */
  AT(ADC1, 0x34U) = 3U;
  AT(ADC2, 0x0cU) = 3U;       /* IN10: 56 cycles */
  AT(ADC2, 0x34U) = 10U;
  AT(ADC3, 0x10U) = 7U << 27; /* IN9: 480 cycles */
  AT(ADC3, 0x34U) = 9U;
  transfer(ADC_COMMON + 0x08U);
  AT(ADC3, 0x08U) = 1U;
  AT(ADC2, 0x08U) = 1U;
  AT(ADC1, 0x08U) = 1U << 28 | 13U << 24 | 1U; /* rising edge of TIM6_TRGO; on */
  AT(ADC3, 0x08U) = 1U << 30 | 1U;
  trigger(nominal);
}

double hg_converter_temperature(void)
{
  const double share = (AT(ADC3, 0x00U) & 2U) != 0 ? (double)(AT(ADC3, 0x4cU) & 0xfffU) / 4096.0 : 0.0;
  AT(ADC3, 0x08U) = 1U << 30 | 1U; /* the next one, for the next call */
  return celsius(share);
}
#else
#define ADC1 0x40022000U
#define ADC2 0x40022100U
#define ADC12_COMMON 0x40022300U
#define ADC3 0x58026000U
#define ADC3_COMMON 0x58026300U
#define DMAMUX1 0x40020800U
#define FOREVER 10000000U

static void until(uint32_t base, uint32_t offset, uint32_t mask, uint32_t value)
{
  for (uint32_t k = 0; (AT(base, offset) & mask) != value; k++) {
    if (k == FOREVER) {
      hg_port_halt("a converter does not start");
    }
  }
}

/* On, with its regulator, calibrated; 24 MHz (revision V halves HCLK / 4 once more). */
static void wake(uint32_t adc, unsigned channel)
{
  AT(adc, 0x08U) = 0;        /* out of deep power down */
  AT(adc, 0x08U) = 1U << 28; /* regulator */
  until(adc, 0x00U, 1U << 12, 1U << 12);
  AT(adc, 0x08U) |= 2U << 8; /* up to 25 MHz */
  AT(adc, 0x08U) |= 1U << 31 | 1U << 16;
  until(adc, 0x08U, 1U << 31, 0);
  AT(adc, 0x00U) = 1U;
  AT(adc, 0x08U) |= 1U;
  until(adc, 0x00U, 1U, 1U);
  AT(adc, 0x1cU) = 1U << channel;                       /* PCSEL */
  AT(adc, channel < 10 ? 0x14U : 0x18U) = 3U << 3U * (channel % 10U); /* 16.5 cycles */
  AT(adc, 0x30U) = channel << 6;
}

void hg_converter_start(unsigned nominal)
{
  hg_pin(PORT_A, 3, MODE_ANALOG, 0); /* ADC1 INP15 */
  hg_pin(PORT_C, 0, MODE_ANALOG, 0); /* ADC2 INP10 */
  hg_pin(PORT_F, 3, MODE_ANALOG, 0); /* ADC3 INP5 */
  AT(ADC12_COMMON, 0x08U) = 3U << 16 | 2U << 14 | 6U; /* HCLK / 4; both in one word; simultaneous */
  AT(ADC3_COMMON, 0x08U) = 3U << 16;
  wake(ADC1, 15);
  wake(ADC2, 10);
  wake(ADC3, 5);
  AT(ADC1, 0x0cU) = 1U << 10 | 13U << 5 | 3U; /* rising edge of TIM6_TRGO; DMA without end */
  AT(ADC2, 0x0cU) = 3U;
  AT(DMAMUX1, 4U * 8U) = 9U; /* DMA2 stream 0 serves ADC1 */
  transfer(ADC12_COMMON + 0x0cU);
  AT(ADC1, 0x08U) |= 1U << 2;
  AT(ADC3, 0x08U) |= 1U << 2;
  trigger(nominal);
}

double hg_converter_temperature(void)
{
  const double share = (AT(ADC3, 0x00U) & 4U) != 0 ? (double)(AT(ADC3, 0x40U) & 0xffffU) / 65536.0 : 0.0;
  AT(ADC3, 0x08U) |= 1U << 2; /* the next one, for the next call */
  return celsius(share);
}
#endif
