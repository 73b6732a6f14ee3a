/* Who votes in a zone, and the numbers by which the election knows its members.
 * Twin of hearthgrid_core.island.membership. */
#ifndef HEARTHGRID_COMMITTEE_H
#define HEARTHGRID_COMMITTEE_H

#include "common.h"

#define HG_MEMBERS_MAX 128
#define HG_MEMBER_LENGTH 32
#define HG_NOBODY 0U      /* no member, or all of them */
#define HG_FORGOTTEN 255U /* in `voted`: the lost vote may have been in this term, so there is none to give */

typedef uint8_t hg_member_t; /* 1 … HG_MEMBERS_MAX */

/* Names to numbers. Numbers are given in order and hold until the restart; on flash and on the wire are names. */
typedef struct {
  size_t count;
  char names[HG_MEMBERS_MAX][HG_MEMBER_LENGTH + 1];
} hg_directory_t;

/* members: voters by rank; places from `count` on are HG_NOBODY. version: changes since commissioning.
 * term: of the leader that made or last confirmed it. epoch: of the zone. */
typedef struct {
  uint8_t count;
  hg_member_t members[HG_COMMITTEE_SIZE_MAX];
  uint32_t term, version, epoch;
} hg_committee_t;

/* One step: add one, remove one, or raise the epoch. */
typedef struct {
  hg_member_t add, remove;
  bool raises;
  uint32_t epoch;
} hg_change_t;

void hg_directory_clear(hg_directory_t *directory);

/* Find a name, or give it the next number. HG_NOBODY for an empty name; HG_ERROR_ARGUMENT for one without end,
 * HG_ERROR_FULL where all numbers are given. */
hg_status_t hg_directory_number(hg_directory_t *directory, const char *name, hg_member_t *number);

/* The name of a number; "" for none. */
const char *hg_directory_name(const hg_directory_t *directory, hg_member_t number);

/* HG_ERROR_ARGUMENT for less than one member or more than seven, for none and for one named twice. */
hg_status_t hg_committee_init(hg_committee_t *committee, const hg_member_t *members, size_t count);
bool hg_committee_valid(const hg_committee_t *committee);

/* -1, 0, 1: a is older, as old, newer. */
int hg_committee_compare(const hg_committee_t *a, const hg_committee_t *b);

/* Place of a member, `count` for all others. */
size_t hg_committee_rank(const hg_committee_t *committee, hg_member_t member);
bool hg_committee_has(const hg_committee_t *committee, hg_member_t member);
size_t hg_committee_quorum(const hg_committee_t *committee);

/* Write the next committee; HG_ERROR_ARGUMENT, nothing written, for anything but one step. */
hg_status_t hg_committee_changed(const hg_committee_t *committee, const hg_change_t *change, hg_committee_t *next);

#endif
