#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posix.h"

#define FILE_MAX (1024 * 1024)
#define FORMAT "\"hearthgrid keys 1\""

/* The home's key file is JSON that this project writes itself; names hold nothing that JSON escapes. */

/* Whether all that is opened is closed: a file cut off in the middle is none. */
static bool whole(const char *text)
{
  int depth = 0;
  bool quoted = false;
  for (const char *c = text; *c != 0; c++) {
    quoted = *c == '"' ? !quoted : quoted;
    depth += quoted ? 0 : (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
    if (depth < 0) {
      return false;
    }
  }
  return depth == 0 && !quoted && text[0] == '{';
}

/* The member called `name` that is a list (as `opens`), NULL = there is none. */
static const char *member(const char *from, const char *name, char opens)
{
  char quoted[HG_MEMBER_LENGTH + 3];
  snprintf(quoted, sizeof quoted, "\"%s\"", name);
  for (const char *at = from; at != NULL && (at = strstr(at, quoted)) != NULL; at++) {
    const char *value = at + strlen(quoted);
    value += strspn(value, ": \n");
    if (*value == opens) {
      return value;
    }
  }
  return NULL;
}

static unsigned digit(char c)
{
  static const char HEX[] = "0123456789abcdef";
  const char *at = c != 0 ? strchr(HEX, c) : NULL;
  return at != NULL ? (unsigned)(at - HEX) : sizeof HEX;
}

/* The key that begins here and ends in a quote; returns its length, 0 = this is none. */
static size_t unhex(const char *from, uint8_t key[HG_KEY_MAX])
{
  for (size_t n = 0; n < HG_KEY_MAX && digit(from[2 * n]) < 16U && digit(from[2 * n + 1]) < 16U; n++) {
    key[n] = (uint8_t)(digit(from[2 * n]) << 4 | digit(from[2 * n + 1]));
    if (from[2 * n + 2] == '"') {
      return n + 1;
    }
  }
  return 0;
}

static double number_after(const char *from, const char *end, const char *name, double otherwise)
{
  const char *found = strstr(from, name);
  char *stop;
  if (found == NULL || found >= end) {
    return otherwise;
  }
  found += strlen(name);
  const double value = strtod(found + strspn(found, ": "), &stop);
  return stop == found + strspn(found, ": ") ? otherwise : value; /* null: no end, or no beginning */
}

static void of_name(const char *content, const char *name, hg_keyring_t *ring)
{
  const char *outlets = member(content, "outlets", '{');
  const char *at = name[0] == 0 ? member(content, "home", '{') : outlets == NULL ? NULL : member(outlets, name, '{');
  const char *list = at == NULL ? NULL : strchr(at, '['), *end = list == NULL ? NULL : strchr(list, ']');
  memset(ring, 0, sizeof *ring);
  ring->required = true;
  while (end != NULL && (list = strchr(list, '{')) != NULL && list < end) {
    const char *close = strchr(list, '}'), *secret = strstr(list, "\"key\"");
    if (close == NULL || secret == NULL || secret > close || (secret = strchr(secret + 5, '"')) == NULL) {
      return;
    }
    const double epoch = number_after(list, close, "\"epoch\"", 0.0);
    hg_key_t key = {.epoch = epoch >= 0.0 && epoch <= (double)UINT32_MAX ? (uint32_t)epoch : 0U,
                    .begins = number_after(list, close, "\"begins\"", -(double)INFINITY),
                    .ends = number_after(list, close, "\"ends\"", (double)INFINITY)};
    key.length = unhex(secret + 1, key.secret);
    if (key.length > 0) {
      hg_keyring_add(ring, &key);
    }
    list = close;
  }
}

bool hg_posix_keys_text(const char *content, const char *outlet, hg_keyring_t *requests, hg_keyring_t *ballots)
{
  if (!whole(content) || strstr(content, FORMAT) == NULL) {
    return false;
  }
  of_name(content, outlet, requests);
  of_name(content, "", ballots);
  return true;
}

bool hg_posix_keys(const char *path, const char *outlet, hg_keyring_t *requests, hg_keyring_t *ballots)
{
  static char content[FILE_MAX];
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    return false;
  }
  const size_t length = fread(content, 1, sizeof content - 1, file);
  fclose(file);
  content[length] = 0;
  return strlen(content) == length && hg_posix_keys_text(content, outlet, requests, ballots);
}
