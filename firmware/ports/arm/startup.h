/* What every Cortex-M7 port shares: the way from reset to main, and where it ends when something impossible happened. */
#ifndef HEARTHGRID_STARTUP_H
#define HEARTHGRID_STARTUP_H

#include <stdint.h>

typedef void (*hg_handler_t)(void);

/* The first sixteen entries of a vector table. */
#define HG_CORE_VECTORS \
  (hg_handler_t)(uintptr_t)stack_top, reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, \
      fault_handler, 0, 0, 0, 0, SVC_Handler, fault_handler, 0, PendSV_Handler, SysTick_Handler

extern uint32_t stack_bottom[], stack_top[];
void reset_handler(void);
void fault_handler(void);

/* The kernel's. */
void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);

/* The port's. Halt: the relay opens, the reason is told as far as that goes, and the board starts anew. */
int main(void);
void hg_port_halt(const char *reason) __attribute__((noreturn));

#define HG_REGISTER(address) (*(volatile uint32_t *)(address))

/* Switch an interrupt on at a priority. */
static inline void hg_interrupt(unsigned number, uint8_t priority)
{
  ((volatile uint8_t *)0xe000e400U)[number] = priority;
  HG_REGISTER(0xe000e100U + 4U * (number / 32U)) = 1U << number % 32U;
}

/* Stack of interrupts never touched [B]; it is painted at reset. */
uint32_t hg_interrupt_stack_unused(void);

#endif
