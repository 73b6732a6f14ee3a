/* What a board's image is given when it is made: its keys, in hexadecimal. Such an image is as secret as they are. */
#ifndef HEARTHGRID_GIVEN_H
#define HEARTHGRID_GIVEN_H

#include "app.h"

#ifndef HG_REQUEST_KEY
#define HG_REQUEST_KEY ""
#endif
#ifndef HG_BALLOT_KEY
#define HG_BALLOT_KEY ""
#endif

static inline unsigned hg_given_digit(char c)
{
  return c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10U : 16U;
}

/* How many bytes; one more than fit where the text is no key, so that hg_app_init refuses it. */
static inline size_t hg_given_key(const char *text, uint8_t key[HG_KEY_MAX])
{
  size_t count = 0;
  for (; text[0] != 0; text += 2, count++) {
    const unsigned high = hg_given_digit(text[0]), low = hg_given_digit(text[1]);
    if (count == HG_KEY_MAX || high > 15U || low > 15U) {
      return HG_KEY_MAX + 1U;
    }
    key[count] = (uint8_t)(high << 4 | low);
  }
  return count;
}

static inline void hg_given_keys(hg_app_settings_t *settings)
{
  settings->request_key_length = hg_given_key(HG_REQUEST_KEY, settings->request_key);
  settings->ballot_key_length = hg_given_key(HG_BALLOT_KEY, settings->ballot_key);
}

#endif
