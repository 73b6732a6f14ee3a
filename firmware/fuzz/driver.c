/* Inputs for fuzz.c where there is no libFuzzer: `fuzz COUNT SEED` makes COUNT from SEED, SEED + 1, …; a failure names
 * the seed that makes it again with COUNT 1. ASan calls abort with ASAN_OPTIONS=abort_on_error=1. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long seed;

static void on_abort(int number)
{
  (void)number;
  fprintf(stderr, "again with: fuzz 1 %lu\n", seed);
  _Exit(1);
}

/* splitmix64 (Steele, Lea, Flood: OOPSLA 2014): good from any seed on. */
static uint64_t draw(uint64_t *state)
{
  *state += 0x9e3779b97f4a7c15U;
  uint64_t z = *state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
  z = (z ^ z >> 27) * 0x94d049bb133111ebU;
  return z ^ z >> 31;
}

int main(int count, char **arguments)
{
  const unsigned long runs = count > 1 ? strtoul(arguments[1], NULL, 10) : 100000;
  const unsigned long first = count > 2 ? strtoul(arguments[2], NULL, 10) : 1;
  signal(SIGABRT, on_abort);
  for (seed = first; seed < first + runs; seed++) {
    uint8_t data[1024];
    uint64_t state = seed;
    const size_t size = draw(&state) % (sizeof data + 1);
    for (size_t k = 0; k < size; k++) {
      data[k] = (uint8_t)(draw(&state) >> 32);
    }
    uint8_t *exact = malloc(size + 1); /* so that a look behind the end is seen */
    if (exact == NULL) {
      return 1;
    }
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
  }
  printf("fuzz: %lu inputs from %lu\n", runs, first);
  return 0;
}
