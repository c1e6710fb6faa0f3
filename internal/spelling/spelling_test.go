package spelling

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"default", "shop", "team-blue", "Web"}
	for _, c := range []struct{ why, name, want string }{
		{"a letter too many", "shopp", "shop"},
		{"two letters swapped", "team-bleu", "team-blue"},
		{"another case", "web", "Web"},
		{"nothing like it", "payments", ""},
		{"a third at most", "xyop", ""},
		{"too short to tell", "sh", ""},
	} {
		if got := Nearest(c.name, names); got != c.want {
			t.Errorf("%s: %q for %q, want %q", c.why, got, c.name, c.want)
		}
	}
}
