#include "kept.h"

#include <string.h>

#define FORM 1U /* of these bytes */
#define LOST 0xffU /* as the length of a name: the vote is lost */

typedef struct {
  uint8_t *out;
  const uint8_t *in;
  uint32_t at, end;
  bool good;
} cursor_t;

static void put(cursor_t *c, uint64_t value, uint32_t bytes)
{
  c->good = c->good && c->end - c->at >= bytes;
  for (uint32_t k = 0; k < bytes && c->good; k++) {
    c->out[c->at++] = (uint8_t)(value >> 8 * k);
  }
}

static uint64_t get(cursor_t *c, uint32_t bytes)
{
  uint64_t value = 0;
  c->good = c->good && c->end - c->at >= bytes;
  for (uint32_t k = 0; k < bytes && c->good; k++) {
    value |= (uint64_t)c->in[c->at++] << 8 * k;
  }
  return value;
}

static void put_name(cursor_t *c, const hg_directory_t *directory, hg_member_t member)
{
  if (member == HG_FORGOTTEN) {
    put(c, LOST, 1);
    return;
  }
  const char *name = hg_directory_name(directory, member);
  const uint32_t length = (uint32_t)strlen(name);
  put(c, length, 1);
  for (uint32_t k = 0; k < length; k++) {
    put(c, (uint8_t)name[k], 1);
  }
}

static hg_status_t get_name(cursor_t *c, hg_directory_t *directory, hg_member_t *member)
{
  char name[HG_MEMBER_LENGTH + 1] = {0};
  const uint32_t length = (uint32_t)get(c, 1);
  *member = length == LOST ? HG_FORGOTTEN : HG_NOBODY;
  if (!c->good || length == LOST) {
    return c->good ? HG_OK : HG_ERROR_DAMAGED;
  }
  if (length > HG_MEMBER_LENGTH || length > c->end - c->at || memchr(c->in + c->at, 0, length) != NULL) {
    c->good = false;
    return HG_ERROR_DAMAGED;
  }
  memcpy(name, c->in + c->at, length);
  c->at += length;
  return hg_directory_number(directory, name, member);
}

hg_status_t hg_kept_write(const hg_directory_t *directory, const hg_kept_t *kept, uint8_t *out, uint32_t capacity,
                          uint32_t *length)
{
  cursor_t c = {.out = out, .end = capacity, .good = hg_committee_valid(&kept->durable.committee)};
  const hg_committee_t *committee = &kept->durable.committee;
  put(&c, FORM, 1);
  put(&c, kept->incarnation, 8);
  put(&c, kept->highest_epoch, 4);
  put(&c, kept->highest_term, 4);
  put(&c, kept->durable.term, 4);
  put(&c, committee->term, 4);
  put(&c, committee->version, 4);
  put(&c, committee->epoch, 4);
  put_name(&c, directory, kept->durable.voted);
  put(&c, committee->count, 1);
  for (size_t k = 0; c.good && k < committee->count; k++) {
    put_name(&c, directory, committee->members[k]);
  }
  *length = c.good ? c.at : 0;
  return c.good ? HG_OK : HG_ERROR_ARGUMENT;
}

hg_status_t hg_kept_read(hg_directory_t *directory, const uint8_t *bytes, uint32_t length, hg_kept_t *kept)
{
  cursor_t c = {.in = bytes, .end = length, .good = true};
  hg_kept_t made = {.incarnation = 0};
  hg_committee_t *committee = &made.durable.committee;
  c.good = get(&c, 1) == FORM && c.good;
  made.incarnation = get(&c, 8);
  made.highest_epoch = (uint32_t)get(&c, 4);
  made.highest_term = (uint32_t)get(&c, 4);
  made.durable.term = (uint32_t)get(&c, 4);
  committee->term = (uint32_t)get(&c, 4);
  committee->version = (uint32_t)get(&c, 4);
  committee->epoch = (uint32_t)get(&c, 4);
  hg_status_t status = get_name(&c, directory, &made.durable.voted);
  committee->count = (uint8_t)get(&c, 1);
  c.good = c.good && committee->count <= HG_COMMITTEE_SIZE_MAX;
  for (size_t k = 0; status == HG_OK && c.good && k < committee->count; k++) {
    status = get_name(&c, directory, &committee->members[k]);
  }
  if (status == HG_ERROR_FULL) {
    return status;
  }
  if (status != HG_OK || !c.good || c.at != c.end || made.durable.term > HG_TERM_MAX ||
      committee->term > HG_TERM_MAX || !hg_committee_valid(committee)) {
    return HG_ERROR_DAMAGED;
  }
  *kept = made;
  return HG_OK;
}

bool hg_kept_serves(const hg_kept_t *kept, const hg_committee_t *commissioned)
{
  const hg_committee_t *committee = &kept->durable.committee;
  size_t left = 0;
  for (size_t k = 0; k < committee->count; k++) {
    left += hg_committee_has(commissioned, committee->members[k]);
  }
  return left >= hg_committee_quorum(committee);
}
