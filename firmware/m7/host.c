/* The self-test on the host, for sanitizers. */
#include <stdio.h>

#include "selftest.h"

void say(const char *text) { fputs(text, stdout); }

int main(void)
{
  static hg_outlet_t outlet;
  return selftest(&outlet);
}
