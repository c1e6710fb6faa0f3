package simulate

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flux-rehearse/flux-rehearse/render"
)

func TestLongMessagesAreCut(t *testing.T) {
	for _, row := range []struct {
		reason, message string
		want            int
	}{
		{"as long as may be", strings.Repeat("a", longestMessage), longestMessage},
		{"one byte more", strings.Repeat("a", longestMessage+1), longestMessage},
		{"within a rune", strings.Repeat("a", longestMessage-1) + "ä", longestMessage - 1},
	} {
		s := &status{conditions: map[string]render.Condition{}}
		s.set(conditionReady, "False", "BuildFailed", row.message)
		if got := s.ready().Message; len(got) != row.want || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes are kept, want %d", row.reason, len(got), row.want)
		}
	}
}
