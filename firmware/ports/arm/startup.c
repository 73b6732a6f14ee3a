#include "startup.h"

#include <string.h>

#define PAINT 0xa5a5a5a5U

extern uint32_t vectors[], data_load[], data_start[], data_end[], bss_start[], bss_end[];

void fault_handler(void) { hg_port_halt("fault"); }

uint32_t hg_interrupt_stack_unused(void)
{
  const uint32_t words = (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom) / 4U;
  uint32_t count = 0;
  while (count < words && stack_bottom[count] == PAINT) {
    count++;
  }
  return count * 4U;
}

void reset_handler(void)
{
  HG_REGISTER(0xe000ed88U) |= 0xfU << 20; /* CPACR: the floating-point unit is on */
  HG_REGISTER(0xe000ed08U) = (uint32_t)(uintptr_t)vectors;
  __asm__ volatile("dsb\n\tisb");
  const uint32_t *here = __builtin_frame_address(0);
  for (uint32_t *word = stack_bottom; word < here - 32; word++) {
    *word = PAINT;
  }
  memcpy(data_start, data_load, (size_t)((uintptr_t)data_end - (uintptr_t)data_start));
  memset(bss_start, 0, (size_t)((uintptr_t)bss_end - (uintptr_t)bss_start));
  main();
  hg_port_halt("main returned");
}
