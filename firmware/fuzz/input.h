/* The bytes of one input, and the targets that stand in files of their own. */
#ifndef HEARTHGRID_FUZZ_INPUT_H
#define HEARTHGRID_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

#define EXPECT(holds) ((holds) ? (void)0 : fail(#holds, __FILE__, __LINE__))

/* What is left of the input; zeros behind its end. */
typedef struct {
  const uint8_t *data;
  size_t size;
} input_t;

void fail(const char *what, const char *file, int line);
uint64_t take(input_t *in, size_t bytes);

/* A number that may well be a special one. */
double number(input_t *in, double usual);

/* A name: a known one, any short one, or bytes without end. */
void name(input_t *in, char *out, size_t size);
void any(input_t *in, void *out, size_t size);

void fuzz_permits(input_t *in);
void fuzz_key_file(input_t *in);
void fuzz_key_image(input_t *in);
void fuzz_own(input_t *in);

#endif
