/* Console and exit of an image in QEMU, by Arm's semihosting. */
#ifndef HEARTHGRID_SEMIHOST_H
#define HEARTHGRID_SEMIHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void hg_semihost(unsigned operation, const void *argument)
{
  register unsigned r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static inline void hg_semihost_say(const char *text) { hg_semihost(0x04U, text); /* SYS_WRITE0 */ }

/* "kind name value" on a line of its own. */
static inline void hg_semihost_count(const char *kind, const char *name, uint32_t value)
{
  char digits[11];
  size_t k = sizeof digits - 1;
  digits[k] = 0;
  do {
    digits[--k] = (char)('0' + value % 10U);
    value /= 10U;
  } while (value > 0);
  hg_semihost_say(kind);
  hg_semihost_say(" ");
  hg_semihost_say(name);
  hg_semihost_say(" ");
  hg_semihost_say(digits + k);
  hg_semihost_say("\n");
}

__attribute__((noreturn)) static inline void hg_semihost_leave(bool good)
{
  /* SYS_EXIT: ADP_Stopped_ApplicationExit, ADP_Stopped_RunTimeErrorUnknown */
  hg_semihost(0x18U, (const void *)(uintptr_t)(good ? 0x20026U : 0x20023U));
  for (;;) {
  }
}

#endif
