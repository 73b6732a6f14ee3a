#include "ballot.h"

#include <string.h>

static bool ends(const char *text) { return memchr(text, 0, HG_MEMBER_LENGTH + 1) != NULL; }

static bool names(const hg_directory_t *directory, const hg_committee_t *committee, const char *name)
{
  for (size_t k = 0; k < committee->count; k++) {
    if (strcmp(hg_directory_name(directory, committee->members[k]), name) == 0) {
      return true;
    }
  }
  return false;
}

/* Whether the committee can be one and is of this zone. */
static bool seats(const hg_directory_t *directory, const hg_wire_ballot_t *wire, const hg_committee_t *known,
                  const hg_committee_t *commissioned)
{
  bool shared = false;
  if (wire->count < 1 || wire->count > HG_COMMITTEE_SIZE_MAX) {
    return false;
  }
  for (size_t k = 0; k < wire->count; k++) {
    const char *name = wire->committee[k];
    if (!ends(name) || name[0] == 0) {
      return false;
    }
    for (size_t j = 0; j < k; j++) {
      if (strcmp(wire->committee[j], name) == 0) {
        return false;
      }
    }
    shared = shared || names(directory, known, name) || names(directory, commissioned, name);
  }
  return shared;
}

hg_status_t hg_ballot_read(hg_directory_t *directory, const hg_wire_ballot_t *wire, hg_member_t me,
                           const hg_committee_t *known, const hg_committee_t *commissioned, hg_message_t *message)
{
  if (wire->kind < HG_KIND_PRE_VOTE || wire->kind > HG_KIND_PROVISIONAL || wire->mode > HG_MODE_MAX ||
      wire->term > HG_TERM_MAX || wire->committee_term > HG_TERM_MAX || !ends(wire->sender) ||
      !ends(wire->receiver) || !ends(wire->leader) || wire->sender[0] == 0 ||
      strcmp(wire->sender, hg_directory_name(directory, me)) == 0 || !seats(directory, wire, known, commissioned)) {
    return HG_ERROR_ARGUMENT;
  }
  hg_message_t made = {.incarnation = wire->incarnation, .round = wire->round, .term = wire->term, .kind = wire->kind,
                       .mode = wire->mode, .granted = wire->granted, .remembers = wire->remembers};
  hg_status_t status = hg_directory_number(directory, wire->sender, &made.sender);
  status = status != HG_OK ? status : hg_directory_number(directory, wire->receiver, &made.receiver);
  status = status != HG_OK ? status : hg_directory_number(directory, wire->leader, &made.leader);
  for (size_t k = 0; k < wire->count && status == HG_OK; k++) {
    status = hg_directory_number(directory, wire->committee[k], &made.committee.members[k]);
  }
  if (status != HG_OK) {
    return status;
  }
  made.committee.count = (uint8_t)wire->count;
  made.committee.term = wire->committee_term;
  made.committee.version = wire->committee_version;
  made.committee.epoch = wire->epoch;
  *message = made;
  return HG_OK;
}

static void copy(const hg_directory_t *directory, hg_member_t member, char text[HG_MEMBER_LENGTH + 1])
{
  const char *name = hg_directory_name(directory, member);
  memcpy(text, name, strlen(name) + 1);
}

void hg_ballot_write(const hg_directory_t *directory, const hg_message_t *message, hg_wire_ballot_t *wire)
{
  const hg_committee_t *committee = &message->committee;
  memset(wire, 0, sizeof *wire);
  wire->kind = message->kind;
  wire->mode = message->mode;
  wire->granted = message->granted;
  wire->remembers = message->remembers;
  wire->incarnation = message->incarnation;
  wire->round = message->round;
  wire->term = message->term;
  wire->epoch = committee->epoch;
  wire->committee_term = committee->term;
  wire->committee_version = committee->version;
  wire->count = committee->count;
  copy(directory, message->sender, wire->sender);
  copy(directory, message->receiver, wire->receiver);
  copy(directory, message->leader, wire->leader);
  for (size_t k = 0; k < committee->count; k++) {
    copy(directory, committee->members[k], wire->committee[k]);
  }
}
