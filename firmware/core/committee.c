#include "committee.h"

#include <string.h>

void hg_directory_clear(hg_directory_t *directory) { memset(directory, 0, sizeof *directory); }

hg_status_t hg_directory_number(hg_directory_t *directory, const char *name, hg_member_t *number)
{
  const char *end = memchr(name, 0, HG_MEMBER_LENGTH + 1);
  if (end == NULL) {
    return HG_ERROR_ARGUMENT;
  }
  if (end == name) {
    *number = HG_NOBODY;
    return HG_OK;
  }
  size_t place = 0;
  while (place < directory->count && strcmp(directory->names[place], name) != 0) {
    place++;
  }
  if (place == HG_MEMBERS_MAX) {
    return HG_ERROR_FULL;
  }
  if (place == directory->count) {
    memcpy(directory->names[place], name, (size_t)(end - name) + 1);
    directory->count++;
  }
  *number = (hg_member_t)(place + 1);
  return HG_OK;
}

const char *hg_directory_name(const hg_directory_t *directory, hg_member_t number)
{
  return number >= 1 && number <= directory->count ? directory->names[number - 1] : "";
}

hg_status_t hg_committee_init(hg_committee_t *committee, const hg_member_t *members, size_t count)
{
  if (count < 1 || count > HG_COMMITTEE_SIZE_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  memset(committee, 0, sizeof *committee);
  memcpy(committee->members, members, count);
  committee->count = (uint8_t)count;
  return hg_committee_valid(committee) ? HG_OK : HG_ERROR_ARGUMENT;
}

bool hg_committee_valid(const hg_committee_t *committee)
{
  if (committee->count < 1 || committee->count > HG_COMMITTEE_SIZE_MAX) {
    return false;
  }
  for (size_t k = 0; k < HG_COMMITTEE_SIZE_MAX; k++) {
    const hg_member_t member = committee->members[k];
    if (k >= committee->count ? member != HG_NOBODY : member == HG_NOBODY || member > HG_MEMBERS_MAX) {
      return false;
    }
    for (size_t j = 0; j < k && k < committee->count; j++) {
      if (committee->members[j] == member) {
        return false;
      }
    }
  }
  return true;
}

int hg_committee_compare(const hg_committee_t *a, const hg_committee_t *b)
{
  if (a->term != b->term) {
    return a->term < b->term ? -1 : 1;
  }
  return a->version < b->version ? -1 : a->version > b->version;
}

size_t hg_committee_rank(const hg_committee_t *committee, hg_member_t member)
{
  size_t place = 0;
  while (place < committee->count && committee->members[place] != member) {
    place++;
  }
  return place;
}

bool hg_committee_has(const hg_committee_t *committee, hg_member_t member)
{
  return hg_committee_rank(committee, member) < committee->count;
}

size_t hg_committee_quorum(const hg_committee_t *committee) { return committee->count / 2U + 1U; }

hg_status_t hg_committee_changed(const hg_committee_t *committee, const hg_change_t *change, hg_committee_t *next)
{
  const bool adds = change->add != HG_NOBODY, removes = change->remove != HG_NOBODY;
  if ((adds ? 1 : 0) + (removes ? 1 : 0) + (change->raises ? 1 : 0) != 1) {
    return HG_ERROR_ARGUMENT;
  }
  if ((adds && (hg_committee_has(committee, change->add) || committee->count == HG_COMMITTEE_SIZE_MAX ||
                change->add > HG_MEMBERS_MAX)) ||
      (removes && (!hg_committee_has(committee, change->remove) || committee->count == 1)) ||
      (change->raises && change->epoch <= committee->epoch)) {
    return HG_ERROR_ARGUMENT;
  }
  hg_committee_t made = {.term = committee->term, .version = committee->version + 1U, .epoch = committee->epoch};
  for (size_t k = 0; k < committee->count; k++) {
    if (committee->members[k] != change->remove) {
      made.members[made.count++] = committee->members[k];
    }
  }
  if (adds) {
    made.members[made.count++] = change->add;
  }
  if (change->raises) {
    made.epoch = change->epoch;
  }
  *next = made;
  return HG_OK;
}
