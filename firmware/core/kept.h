/* What a member must not forget, as bytes for the journal: names, since numbers change. Twin of outlet_node.memory. */
#ifndef HEARTHGRID_KEPT_H
#define HEARTHGRID_KEPT_H

#include "ballot.h"

#define HG_KEPT_BYTES (1 + 8 + 4 * 6 + 1 + (1 + HG_COMMITTEE_SIZE_MAX) * (1 + HG_MEMBER_LENGTH)) /* at most */

typedef struct {
  hg_durable_t durable;
  uint64_t incarnation;                  /* the next start's must be greater */
  uint32_t highest_epoch, highest_term;  /* of the newest majority obeyed: hg_requests_t */
} hg_kept_t;

/* HG_ERROR_ARGUMENT: too little room, or a committee that is none. */
hg_status_t hg_kept_write(const hg_directory_t *directory, const hg_kept_t *kept, uint8_t *out, uint32_t capacity,
                          uint32_t *length);

/* HG_ERROR_DAMAGED: it is none; nothing is written. HG_ERROR_FULL as the directory. */
hg_status_t hg_kept_read(hg_directory_t *directory, const uint8_t *bytes, uint32_t length, hg_kept_t *kept);

/* Whether the kept committee can still be changed step by step: else it was commissioned anew, and memory is lost. */
bool hg_kept_serves(const hg_kept_t *kept, const hg_committee_t *commissioned);

#endif
