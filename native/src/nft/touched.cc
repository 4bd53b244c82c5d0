#include "nft/touched.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <optional>
#include <string_view>

#include "nl/attributes.h"
#include "nl/message.h"

namespace vtepd::nft {

namespace {

enum class About { kOther, kTable, kChain, kInChain, kInTable };

About AboutOf(uint16_t type) {
  if (NFNL_SUBSYS_ID(type) != NFNL_SUBSYS_NFTABLES) return About::kOther;
  switch (NFNL_MSG_TYPE(type)) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
      return About::kTable;
    case NFT_MSG_NEWCHAIN:
    case NFT_MSG_DELCHAIN:
      return About::kChain;
    case NFT_MSG_NEWRULE:
    case NFT_MSG_DELRULE:
      return About::kInChain;
    // One for each transaction, behind all that it changed. Traces go to another group.
    case NFT_MSG_NEWGEN:
    case NFT_MSG_TRACE:
      return About::kOther;
    // Sets, elements, objects, flow tables, and what is younger than this program.
    default:
      return About::kInTable;
  }
}

// Where a message of each kind names its table: all alike (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE,
// NFTA_SET_ELEM_LIST_TABLE, NFTA_OBJ_TABLE, NFTA_FLOWTABLE_TABLE).
constexpr uint16_t kTableName = 1;
static_assert(NFTA_TABLE_NAME == kTableName && NFTA_CHAIN_TABLE == kTableName && NFTA_RULE_TABLE == kTableName);
static_assert(NFTA_SET_TABLE == kTableName && NFTA_SET_ELEM_LIST_TABLE == kTableName && NFTA_OBJ_TABLE == kTableName);
static_assert(NFTA_FLOWTABLE_TABLE == kTableName);

struct Named {
  uint8_t family = 0;
  std::optional<std::string_view> table;
  std::optional<std::string_view> chain;
};

std::optional<Named> Read(const nl::Message& message, About about) {
  SpanReader reader(message.payload);
  const auto header = reader.Read<nfgenmsg>();
  if (reader.failed()) return std::nullopt;
  Named named{header.nfgen_family, std::nullopt, std::nullopt};
  const uint16_t chain = about == About::kChain ? uint16_t{NFTA_CHAIN_NAME} : uint16_t{NFTA_RULE_CHAIN};
  const bool whole = nl::EachAttribute(reader.rest(), [&](uint16_t id, Bytes value) {
    if (id == kTableName) named.table = nl::ToText(value);
    if (id == chain && about != About::kTable && about != About::kInTable) named.chain = nl::ToText(value);
  });
  if (!whole || !named.table) return std::nullopt;
  return named;
}

bool Touches(const Named& named, About about, const Watched& watched) {
  if (named.family != watched.family || *named.table != watched.table) return false;
  if (watched.chain.empty() || about == About::kTable) return true;
  return named.chain && *named.chain == watched.chain;
}

}  // namespace

bool EachTouched(Bytes datagram, std::span<const Watched> watched, const std::function<void(size_t index)>& touch) {
  nl::MessageReader reader(datagram);
  bool readable = true;
  while (const auto message = reader.Next()) {
    const About about = AboutOf(message->header.nlmsg_type);
    if (about == About::kOther) continue;
    const std::optional<Named> named = Read(*message, about);
    if (!named) {
      readable = false;
      continue;
    }
    for (size_t index = 0; index < watched.size(); ++index)
      if (Touches(*named, about, watched[index])) touch(index);
  }
  return readable && !reader.malformed();
}

}  // namespace vtepd::nft
