#include "board.h"

#define FOREVER 10000000U

static void until(uint32_t address, uint32_t mask, uint32_t value)
{
  for (uint32_t k = 0; (HG_REGISTER(address) & mask) != value; k++) {
    if (k == FOREVER) {
      hg_port_halt("a clock does not start");
    }
  }
}

void hg_pin(unsigned port, unsigned pin, unsigned mode, unsigned alternate)
{
  const uint32_t base = GPIO + 0x400U * port, half = 0x20U + 4U * (pin / 8U);
  AT(base, half) = (AT(base, half) & ~(0xfU << 4U * (pin % 8U))) | alternate << 4U * (pin % 8U);
  AT(base, 0x00U) = (AT(base, 0x00U) & ~(3U << 2U * pin)) | mode << 2U * pin;
}

static void instruction_cache(void)
{
  __asm__ volatile("dsb\n\tisb");
  HG_REGISTER(0xe000ef50U) = 0; /* ICIALLU */
  __asm__ volatile("dsb\n\tisb");
  HG_REGISTER(0xe000ed14U) |= 1U << 17; /* CCR.IC. The data cache stays off: DMA and tasks see the same memory */
  __asm__ volatile("dsb\n\tisb");
}

#ifdef HG_PORT_stm32f767
#define RCC 0x40023800U
#define PWR 0x40007000U
#define FLASH 0x40023c00U

uint32_t hg_port_clock = 216000000U;

/* 8 MHz from the ST-Link / 4 * 216 / 2 = 216 MHz; APB1 54, APB2 108, PLLQ 48 MHz. */
void hg_clock_start(void)
{
  AT(RCC, 0x40U) |= 1U << 28 | 1U << 18 | 1U << 4;            /* PWR, USART3, TIM6 */
  AT(RCC, 0x44U) |= 7U << 8;                                  /* ADC1, 2, 3 */
  AT(RCC, 0x30U) |= 3U << 21 | 0x3fU;                         /* DMA1, 2; GPIO A to F */
  AT(RCC, 0x34U) |= 1U << 6;                                  /* RNG */
  AT(PWR, 0x00U) |= 3U << 14;                                 /* CR1.VOS: scale 1 */
  AT(RCC, 0x00U) |= 1U << 18;                                 /* HSEBYP */
  AT(RCC, 0x00U) |= 1U << 16;                                 /* HSEON */
  until(RCC, 1U << 17, 1U << 17);
  AT(RCC, 0x04U) = 2U << 28 | 9U << 24 | 1U << 22 | 216U << 6 | 4U; /* PLLR, Q, HSE, N, M; P = 2 */
  AT(RCC, 0x00U) |= 1U << 24;
  until(RCC, 1U << 25, 1U << 25);
  AT(PWR, 0x00U) |= 1U << 16; /* ODEN */
  until(PWR + 4U, 1U << 16, 1U << 16);
  AT(PWR, 0x00U) |= 1U << 17; /* ODSWEN */
  until(PWR + 4U, 1U << 17, 1U << 17);
  AT(FLASH, 0x00U) = 1U << 8 | 7U; /* prefetch, seven wait states; ART serves another address */
  until(FLASH, 0xfU, 7U);
  AT(RCC, 0x8cU) |= 1U << 24;                                 /* TIMPRE */
  AT(RCC, 0x08U) = 5U << 10 | 4U << 13 | 2U;                  /* APB1 / 4, APB2 / 2, PLL */
  until(RCC + 8U, 3U << 2, 2U << 2);
  if ((AT(FLASH, 0x14U) & 1U << 29) != 0) { /* OPTCR.nDBANK */
    hg_port_halt("option nDBANK must be 0");
  }
  instruction_cache();
}
#else
#define RCC 0x58024400U
#define PWR 0x58024800U
#define FLASH 0x52002000U

uint32_t hg_port_clock = 384000000U;

/* 8 MHz from the ST-Link * 96 / 2 = 384 MHz; AXI and AHB 192, APBs 96 MHz. */
void hg_clock_start(void)
{
  AT(PWR, 0x0cU) = (AT(PWR, 0x0cU) & ~7U) | 1U << 2 | 1U << 1; /* CR3: LDO */
  until(PWR + 4U, 1U << 13, 1U << 13);                         /* ACTVOSRDY */
  AT(PWR, 0x18U) |= 3U << 14;                                  /* D3CR.VOS: scale 1 */
  until(PWR + 0x18U, 1U << 13, 1U << 13);
  AT(RCC, 0x00U) |= 1U << 18 | 1U << 12;                       /* HSEBYP; HSI48 for the RNG */
  AT(RCC, 0x00U) |= 1U << 16;                                  /* HSEON */
  until(RCC, 1U << 17 | 1U << 13, 1U << 17 | 1U << 13);
  AT(RCC, 0x28U) = 1U << 4 | 2U;                               /* M = 1 from HSE */
  AT(RCC, 0x2cU) = (AT(RCC, 0x2cU) & ~0xfU) | 3U << 2 | 1U << 16; /* input 8 to 16 MHz, wide VCO, P on */
  AT(RCC, 0x30U) = 1U << 24 | 1U << 16 | 1U << 9 | 95U;        /* R = Q = P = 2, N = 96 */
  AT(RCC, 0x00U) |= 1U << 24;
  until(RCC, 1U << 25, 1U << 25);
  AT(FLASH, 0x00U) = 2U << 4 | 2U;                             /* delay, two wait states */
  until(FLASH, 0x3fU, 2U << 4 | 2U);
  AT(RCC, 0x18U) = 4U << 4 | 8U;                               /* APB3 / 2, AHB / 2 */
  AT(RCC, 0x1cU) = 4U << 8 | 4U << 4;                          /* APB2, APB1 / 2 */
  AT(RCC, 0x20U) = 4U << 4;                                    /* APB4 / 2 */
  AT(RCC, 0x10U) = (AT(RCC, 0x10U) & ~7U) | 3U;                /* PLL1 */
  until(RCC + 0x10U, 7U << 3, 3U << 3);
  AT(RCC, 0xd8U) |= 1U << 5 | 3U;                              /* ADC1 and 2, DMA1 and 2 */
  AT(RCC, 0xdcU) |= 1U << 6;                                   /* RNG */
  AT(RCC, 0xe0U) |= 1U << 24 | 0x3fU;                          /* ADC3, GPIO A to F */
  AT(RCC, 0xe8U) |= 1U << 18 | 1U << 4;                        /* USART3, TIM6 */
  instruction_cache();
}
#endif
