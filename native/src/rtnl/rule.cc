#include "rtnl/rule.h"

#include "rtnl/ip.h"
#include "rtnl/policy.h"
#include "rtnl/text.h"

namespace vtepd::rtnl {

namespace {

namespace a = policy::rule;

// "Not set", which the kernel says of suppressors.
constexpr uint32_t kNone = UINT32_MAX;

// What makes a rule more than a record can say, attributes that are younger than this program among it.
bool HasMore(const fib_rule_hdr& header, nl::Attributes* attributes) {
  return header.tos != 0 || attributes->Has(a::kFlow) || attributes->Has(a::kTunnel) ||
         attributes->Has(a::kL3mdev) || attributes->Has(a::kUids) || attributes->Has(a::kIpProtocol) ||
         attributes->Has(a::kSourcePorts) || attributes->Has(a::kDestinationPorts) ||
         attributes->Get(a::kSuppressIfgroup).value_or(kNone) != kNone ||
         attributes->Get(a::kSuppressPrefixLength).value_or(kNone) != kNone ||
         attributes->HasAbove(a::kDestinationPorts.id);
}

// False: the prefix is longer than an address, or its address is missing or of another length.
bool CopyPrefix(uint8_t family, uint8_t length, std::optional<Bytes> value, Address16* out) {
  if (length > 8 * AddressBytes(family)) return false;
  if (length == 0) return true;
  return value && CopyAddress(family, *value, out);
}

void CopyName(std::optional<std::string_view> name, RuleField field, RuleRecord* rule, std::array<char, 16>* out) {
  if (!name) return;
  CopyText(*name, out);
  rule->fields |= field;
}

}  // namespace

Decoded DecodeRule(const nl::Message& message) {
  SpanReader reader(message.payload);
  const fib_rule_hdr header = reader.Read<fib_rule_hdr>();
  if (reader.failed()) return Malformed{};
  if (AddressBytes(header.family) == 0) return Skipped{};

  nl::Attributes attributes(reader.rest());
  RuleRecord rule{};
  rule.priority = attributes.Get(a::kPriority).value_or(0);
  // The header's table has eight bits; a larger number stands in the attribute alone.
  rule.table = attributes.Get(a::kTable).value_or(header.table);
  rule.family = header.family;
  rule.action = header.action;
  rule.src_length = header.src_len;
  rule.dst_length = header.dst_len;
  if (!CopyPrefix(header.family, header.src_len, attributes.Get(a::kSrc), &rule.src)) return Malformed{};
  if (!CopyPrefix(header.family, header.dst_len, attributes.Get(a::kDst), &rule.dst)) return Malformed{};
  CopyName(attributes.Get(a::kIif), kRuleHasIif, &rule, &rule.iif);
  CopyName(attributes.Get(a::kOif), kRuleHasOif, &rule, &rule.oif);
  rule.mark = attributes.Get(a::kMark).value_or(0);
  rule.mask = attributes.Get(a::kMask).value_or(0);
  if (attributes.Has(a::kMark) || attributes.Has(a::kMask)) rule.fields |= kRuleHasMark;
  if ((header.flags & FIB_RULE_INVERT) != 0) rule.fields |= kRuleInverted;
  if (HasMore(header, &attributes)) rule.fields |= kRuleHasMore;
  if (attributes.malformed()) return Malformed{};
  return rule;
}

Encoded EncodeDumpRules(SpanWriter* out, uint32_t sequence, uint8_t family) {
  fib_rule_hdr header{};
  header.family = family;
  nl::MessageWriter writer(out);
  writer.Begin(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, sequence, header);
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

}  // namespace vtepd::rtnl
