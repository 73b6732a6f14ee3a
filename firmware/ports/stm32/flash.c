/* Three journals in sectors of bank 2, while code runs in bank 1. An erasure takes up to half a second on
 * F767 and four on H743: the control task sleeps through it, the converter's interrupt goes on. */
#include <string.h>

#include "FreeRTOS.h"
#include "board.h"
#include "task.h"

#define KEY1 0x45670123U
#define KEY2 0xcdef89abU
#define PATIENCE 6000U /* [ms] */
#define SPINS 100000U  /* a word is programmed in far less */

#ifdef HG_PORT_stm32f767
#define FLASH 0x40023c00U
#define KEYR 0x04U
#define SR 0x0cU
#define CR 0x10U
#define CLEAR SR
#define BUSY (1U << 16)
#define ERRORS (1U << 7 | 1U << 6 | 1U << 5 | 1U << 4 | 1U << 1)
#define LOCK (1U << 31)
#define PROGRAM (2U << 8 | 1U) /* 32 bits at once */
#define ERASE(sector) (2U << 8 | (16U + (sector)) << 3 | 1U << 1) /* 16: the first of bank 2 */
#define START (1U << 16)
#else
#define FLASH 0x52002100U /* of bank 2 */
#define KEYR 0x04U
#define SR 0x10U
#define CR 0x0cU
#define CLEAR 0x14U
#define BUSY (7U) /* BSY, WBNE, QW */
#define ERRORS (0x3ffU << 17)
#define LOCK 1U
#define PROGRAM (3U << 4 | 1U << 1)
#define ERASE(sector) (3U << 4 | 1U << 2 | (sector) << 8)
#define START (1U << 7)
#define DOUBLE_ERROR (1U << 26)
#endif

static bool unlocked(void)
{
  if ((AT(FLASH, CR) & LOCK) != 0) {
    AT(FLASH, KEYR) = KEY1;
    AT(FLASH, KEYR) = KEY2;
  }
  AT(FLASH, CLEAR) = ERRORS;
  return (AT(FLASH, CR) & LOCK) == 0;
}

/* Whether the controller is done without errors; locks again. */
static bool done(bool asleep)
{
  const bool tasks = xTaskGetSchedulerState() == taskSCHEDULER_RUNNING;
  const uint32_t most = !asleep ? SPINS : tasks ? PATIENCE : PATIENCE * 10000U;
  for (uint32_t waited = 0; (AT(FLASH, SR) & BUSY) != 0 && waited < most; waited++) {
    if (asleep && tasks) {
      hg_watchdog();
      vTaskDelay(pdMS_TO_TICKS(1));
    }
  }
  const bool good = (AT(FLASH, SR) & (BUSY | ERRORS)) == 0;
  AT(FLASH, CR) = LOCK;
  return good;
}

static uint32_t place(const void *context, uint32_t at) { return (uint32_t)(uintptr_t)context + at; }

static bool flash_read(void *context, uint32_t at, uint8_t *out, uint32_t count)
{
#ifdef HG_PORT_stm32h743
  /* A word with two wrong bits is told by a bus fault, which is looked at here instead: CCR.BFHFNMIGN and FAULTMASK. */
  AT(FLASH, CLEAR) = DOUBLE_ERROR;
  HG_REGISTER(0xe000ed14U) |= 1U << 8;
  __asm__ volatile("cpsid f\n\tdsb\n\tisb" ::: "memory");
  memcpy(out, (const void *)(uintptr_t)place(context, at), count);
  __asm__ volatile("dsb\n\tcpsie f\n\tisb" ::: "memory");
  HG_REGISTER(0xe000ed14U) &= ~(1U << 8);
  HG_REGISTER(0xe000ed28U) = 0xff00U; /* CFSR: bus faults told */
  return (AT(FLASH, SR) & DOUBLE_ERROR) == 0;
#else
  memcpy(out, (const void *)(uintptr_t)place(context, at), count);
  return true;
#endif
}

static bool flash_program(void *context, uint32_t at, const uint8_t *bytes, uint32_t count)
{
  bool good = true;
  for (uint32_t k = 0; k < count && good; k += HG_JOURNAL_WORD) {
    uint32_t words[HG_JOURNAL_WORD / 4U];
    memcpy(words, bytes + k, sizeof words);
    good = unlocked();
    AT(FLASH, CR) = PROGRAM;
    __asm__ volatile("dsb" ::: "memory");
    for (uint32_t j = 0; j < HG_JOURNAL_WORD / 4U && good; j++) {
      HG_REGISTER(place(context, at + k + 4U * j)) = words[j];
#ifdef HG_PORT_stm32f767
      __asm__ volatile("dsb" ::: "memory");
      for (uint32_t spin = 0; (AT(FLASH, SR) & BUSY) != 0 && spin < SPINS; spin++) {
      }
#endif
    }
    __asm__ volatile("dsb" ::: "memory");
    good = done(false) && good;
  }
  return good;
}

static bool flash_erase(void *context, uint32_t sector)
{
  const uint32_t base = place(context, 0);
  const uint32_t number = (base == DEVICES ? DEVICES_FIRST : (base - KEPT) / KEPT_SECTOR) + sector;
  const bool open = unlocked();
  AT(FLASH, CR) = ERASE(number);
  AT(FLASH, CR) = ERASE(number) | START;
  __asm__ volatile("dsb" ::: "memory");
  return done(true) && open;
}

bool hg_keys_read(uint8_t *out, uint32_t count) { return flash_read((void *)(uintptr_t)KEYS, 0, out, count); }

hg_flash_t hg_kept_flash(unsigned keep)
{
  const bool devices = keep == HG_KEEP_DEVICES;
  return (hg_flash_t){.read = flash_read, .program = flash_program, .erase = flash_erase,
                      .context = (void *)(uintptr_t)(devices ? DEVICES : KEPT + 2U * keep * KEPT_SECTOR),
                      .sector = devices ? DEVICES_SECTOR : KEPT_SECTOR, .slot = devices ? HG_DEVICES_SLOT : 1088U};
}
