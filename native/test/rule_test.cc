#include <linux/fib_rules.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "check.h"
#include "golden.h"
#include "rtnl/decode.h"
#include "rtnl/rule.h"
#include "samples.h"
#include "sock/monitor.h"

namespace vtepd::rtnl {

using test::GoldenMessage;
using test::Ip;
using test::Name;

static RuleRecord RuleOf(const char* name) {
  const GoldenMessage message(name);
  const Decoded decoded = Decode(message.get());
  const auto* rule = std::get_if<RuleRecord>(&decoded);
  CHECK(rule != nullptr);
  return rule == nullptr ? RuleRecord{} : *rule;
}

TEST("a rule is read with its table, of 32 bits, and every selector that a record can hold") {
  RuleRecord expected{};
  expected.priority = 5210;
  expected.table = 70000;
  expected.mark = 0x40;
  expected.mask = 0xc0;
  expected.fields = kRuleHasIif | kRuleHasOif | kRuleHasMark;
  expected.family = AF_INET;
  expected.action = FR_ACT_TO_TBL;
  expected.src_length = 16;
  expected.dst_length = 20;
  expected.src = Ip("10.42.0.0");
  expected.dst = Ip("10.43.0.0");
  expected.iif = Name("cni0");
  expected.oif = Name("eth0");
  CHECK(test::Same(RuleOf("rule-selectors"), expected));
  const RuleRecord ipv6 = RuleOf("rule-ipv6");
  CHECK_EQ(ipv6.family, AF_INET6);
  CHECK_EQ(ipv6.src_length, 48);
  CHECK(ipv6.src == Ip("fd42::"));
  CHECK_EQ(ipv6.fields, 0u);
}

TEST("what a record cannot hold of a rule marks it, and so does what it is not for") {
  CHECK_EQ(RuleOf("rule-suppress").fields, uint32_t{kRuleHasMore});
  CHECK_EQ(RuleOf("rule-suppress").table, 254u);
  CHECK_EQ(RuleOf("rule-port").fields, uint32_t{kRuleHasMore});
  CHECK_EQ(RuleOf("rule-not").fields, uint32_t{kRuleHasMark | kRuleInverted});
}

TEST("a rule with an attribute that is younger than this program is marked") {
  const GoldenMessage golden("rule-ipv6");
  std::vector<uint8_t> payload(golden.get().payload.begin(), golden.get().payload.end());
  const std::vector<uint8_t> young{5, 0, 60, 0, 1, 0, 0, 0};
  payload.insert(payload.end(), young.begin(), young.end());
  const Decoded decoded = Decode({golden.get().header, payload});
  const auto* rule = std::get_if<RuleRecord>(&decoded);
  REQUIRE(rule != nullptr);
  CHECK_EQ(rule->fields, uint32_t{kRuleHasMore});
}

TEST("a rule whose prefix has no address or too many bits is malformed, one of another family is skipped") {
  const GoldenMessage golden("rule-ipv6");
  std::vector<uint8_t> payload(golden.get().payload.begin(), golden.get().payload.end());
  const auto read = [&] { return Decode({golden.get().header, payload}); };
  payload[offsetof(fib_rule_hdr, dst_len)] = 48;
  CHECK(std::holds_alternative<Malformed>(read()));
  payload[offsetof(fib_rule_hdr, dst_len)] = 0;
  payload[offsetof(fib_rule_hdr, src_len)] = 129;
  CHECK(std::holds_alternative<Malformed>(read()));
  payload[offsetof(fib_rule_hdr, family)] = 128;
  CHECK(std::holds_alternative<Skipped>(read()));
  payload.resize(4);
  CHECK(std::holds_alternative<Malformed>(read()));
}

TEST("a rule that comes or goes is heard, without saying which") {
  for (const auto& [name, action] : {std::pair{"rule-selectors", kSet}, std::pair{"event-rule-deleted", kDeleted}}) {
    std::vector<uint8_t> events;
    sock::AppendEvents(test::Golden(name), &events);
    REQUIRE(events.size() == sizeof(EventHeader));
    const auto header = SpanReader(events).Read<EventHeader>();
    CHECK_EQ(header.type, kRuleEvent);
    CHECK_EQ(header.action, action);
  }
}

}  // namespace vtepd::rtnl
