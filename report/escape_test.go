package report_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/report"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

const evil = "a\x1b[2Jb\rc\n::error title=x::y\n  ::stop-commands::z\n##[command]rm\n##vso[task.x]\u202e\xff\x00"

// hostile is a report in which every text that comes from a repository is evil.
func hostile() report.Report {
	ref := finding.Ref{Group: evil, Kind: evil, Namespace: evil, Name: evil}
	pos := finding.Position{File: evil, Line: 1, Col: 2}
	c := v1.Cluster{Name: evil, Dir: evil, FluxVersion: evil, KubernetesVersion: evil, Assumptions: []v1.Assumption{{Text: evil, Pos: pos}},
		Coverage: v1.Coverage{Unknown: 1, Reasons: []v1.Reason{{State: v1.Unknown, Reason: evil, Count: 1}}}}
	refusal := &diff.Error{Reason: evil, Message: evil, Hint: evil, Causes: []diff.Cause{{Field: evil, Message: evil, Pos: pos}}}
	change := diff.Change{Object: ref, Owner: ref, Action: diff.Fail, Reason: evil, Pos: pos, Error: refusal, From: ref, Fields: []diff.Field{
		{Label: evil, Kind: diff.Changed, Before: evil, After: evil, Pos: pos}, {Label: evil, Kind: diff.Changed, Text: evil}}}
	bare := diff.Change{Object: ref, Owner: ref, Action: diff.Fail, Error: &diff.Error{Message: evil}}
	c.Steps = []v1.Step{{Name: evil, Notes: []string{evil}, Webhooks: []v1.Webhook{{Configuration: ref, Name: evil}}, Changes: []diff.Change{change, bare, {Object: ref, Owner: ref, Action: diff.Blocked}},
		Owners: []v1.Owner{{Object: ref, State: v1.Failed, Pos: pos, BlockedBy: []finding.Ref{ref}, Hint: evil, Ready: v1.Condition{Status: evil, Reason: evil, Message: evil}}}}}
	f := finding.Finding{Rule: evil, Severity: finding.Error, Cluster: evil, Object: ref, Pos: pos, Message: evil, Hint: evil,
		Related: []finding.Related{{Pos: pos, Message: evil}}, Chain: []finding.Ref{ref}}
	return report.Report{Command: v1.Simulate, Revisions: v1.Revisions{Base: evil, Head: evil}, Clusters: []v1.Cluster{c, c}, Findings: []finding.Finding{f}, NotSimulated: []string{evil}}
}

func TestHostileContent(t *testing.T) {
	read := func(string) ([]byte, bool) { return []byte(evil), true }
	order := regexp.MustCompile(`^\s*::|##\w*\[`)
	command := regexp.MustCompile(`^::((error|warning|notice) (file=|title=)[^:]*::[^\n]*|group::What changes in cluster [^\n]*|endgroup::)$`)
	for _, width := range []int{0, 1, 40} {
		for _, format := range []string{"text", "github"} {
			out := write(t, format, hostile(), report.Options{Width: width, Source: read})
			for _, l := range strings.Split(out, "\n") {
				if strings.ContainsFunc(l, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) || r == unicode.ReplacementChar }) {
					t.Errorf("%s, width %d: a character that is not shown gets through: %q", format, width, l)
				}
				if order.MatchString(l) && (format != "github" || !command.MatchString(l)) {
					t.Errorf("%s, width %d: a CI system takes this for an order: %q", format, width, l)
				}
			}
		}
	}
	coloured := write(t, "text", hostile(), report.Options{Colour: true, Source: read})
	rest := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(coloured, "")
	if strings.ContainsAny(rest, "\x1b\r") {
		t.Error("only escape sequences for colours are written")
	}
	if plain := write(t, "text", hostile(), report.Options{Source: read}); plain != rest {
		t.Error("colours change nothing but the colour")
	}
}

func TestGitHubEscaping(t *testing.T) {
	r := report.Report{Command: v1.Validate, Findings: []finding.Finding{{Rule: "a/b", Severity: finding.Warning,
		Pos: finding.Position{File: "a,b:c%.yaml", Line: 3}, Message: "100% wrong: a, b\nsecond line", Hint: "write x"}}}
	want := "::warning file=a%2Cb%3Ac%25.yaml,line=3,title=a/b::100%25 wrong: a, b%0Asecond line%0Awrite x"
	got, _, _ := strings.Cut(write(t, "github", r, report.Options{}), "\n")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// GitHub looks for files from the root of the checkout.
func TestGitHubFolder(t *testing.T) {
	r := report.Report{Command: v1.Validate, Findings: []finding.Finding{{Rule: "a/b", Severity: finding.Error,
		Pos: finding.Position{File: "apps/web.yaml", Line: 3}, Message: "wrong"}}}
	for folder, want := range map[string]string{"": "apps/web.yaml", "infra/fleet": "infra/fleet/apps/web.yaml"} {
		got, _, _ := strings.Cut(write(t, "github", r, report.Options{Folder: folder}), "\n")
		if want := "::error file=" + want + ",line=3,title=a/b::wrong"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A line of a file that holds a secret value is not shown.
func TestSecretLines(t *testing.T) {
	pos := at("apps/secret.yaml", 6, 10, 0)
	secret := object("Secret", "token")
	tests := []struct {
		name, why string
		finding   finding.Finding
		shown     bool
	}{
		{"value", "the value of a Secret", finding.Finding{Object: secret, Field: "/stringData/token", Pos: pos}, false},
		{"typo", "an unknown member of a Secret is likely a value", finding.Finding{Object: secret, Field: "/stringdata/token", Pos: pos}, false},
		{"whole", "a finding about the Secret as a whole", finding.Finding{Object: secret, Pos: pos}, false},
		{"syntax", "no object is known in a file with a Secret", finding.Finding{Pos: pos}, false},
		{"metadata", "the name of a Secret is no secret", finding.Finding{Object: secret, Field: "/metadata/name", Pos: at("apps/secret.yaml", 4, 9, 0)}, true},
		{"other", "an object of another kind", finding.Finding{Object: object("ConfigMap", "a"), Pos: at("apps/web.yaml", 9, 3, 0)}, true},
	}
	for _, tt := range tests {
		out := write(t, "text", report.Report{Findings: []finding.Finding{tt.finding}}, report.Options{Source: source})
		if shown := strings.Contains(out, " | "); shown != tt.shown {
			t.Errorf("%s: %s: excerpt shown is %v, want %v\n%s", tt.name, tt.why, shown, tt.shown, out)
		}
		if strings.Contains(out, "hunter2") {
			t.Errorf("%s: the value is shown", tt.name)
		}
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 300) + "WRONG" + strings.Repeat("y", 300)
	tests := []struct {
		name, why, line string
		pos             finding.Position
		want            []string
	}{
		{"tab", "a tab is four columns wide", "\tkey: v", finding.Position{Line: 1, Col: 7, EndLine: 1, EndCol: 8}, []string{"1 |     key: v", "  |          ^"}},
		{"wide", "a wide character is two columns wide", "日本: v", finding.Position{Line: 1, Col: 5}, []string{"1 | 日本: v", "  |       ^"}},
		{"several lines", "the mark ends with the line", "a: |", finding.Position{Line: 1, Col: 4, EndLine: 3, EndCol: 2}, []string{"1 | a: |", "  |    ^"}},
		{"behind", "a column behind the end marks one place", "a", finding.Position{Line: 1, Col: 9}, []string{"1 | a", "  |  ^"}},
	}
	for _, tt := range tests {
		tt.pos.File = "f"
		r := report.Report{Findings: []finding.Finding{{Pos: tt.pos}}}
		lines := strings.Split(write(t, "text", r, report.Options{Source: func(string) ([]byte, bool) { return []byte(tt.line), true }}), "\n")
		if len(lines) < 5 {
			t.Fatalf("%s: no excerpt in %q", tt.name, lines)
		}
		if d := cmp.Diff(tt.want, lines[3:5]); d != "" {
			t.Errorf("%s: %s (-want +got):\n%s", tt.name, tt.why, d)
		}
	}
	r := report.Report{Findings: []finding.Finding{{Pos: finding.Position{File: "f", Line: 1, Col: 301, EndLine: 1, EndCol: 306}}}}
	out := write(t, "text", r, report.Options{Source: func(string) ([]byte, bool) { return []byte(long), true }})
	lines := strings.Split(out, "\n")
	if i := strings.Index(lines[4], "^"); []rune(lines[3])[i] != 'W' || len([]rune(lines[3])) > 120 || !strings.HasSuffix(lines[4], " ^^^^^") {
		t.Errorf("a long line is cut around the value:\n%s", out)
	}
}

func TestLongContent(t *testing.T) {
	value := strings.Repeat("v", 5000)
	r := simulation()
	r.Clusters[0].Steps[1].Changes = []diff.Change{{Object: object("ConfigMap", "a"), Owner: kustomization("infra"), Action: diff.Update,
		Fields: slices.Repeat([]diff.Field{{Label: "data.a", Kind: diff.Changed, Before: "x", After: value}}, 100)}}
	out := write(t, "text", r, report.Options{})
	if strings.Contains(out, value) || !strings.Contains(out, "… (4840 more characters)") || !strings.Contains(out, "… 60 more fields") {
		t.Error("text cuts long values and long lists of fields, and says so")
	}
	r.Clusters[0].Steps[1].Changes = []diff.Change{{Object: object("ConfigMap", "a"), Owner: kustomization("infra"), Action: diff.Fail,
		Error: &diff.Error{Causes: slices.Repeat([]diff.Cause{{Field: "data", Message: "wrong-0815"}}, 30)}}}
	if out := write(t, "text", r, report.Options{}); strings.Count(out, "wrong-0815") != 10 || !strings.Contains(out, "… 20 more causes") {
		t.Errorf("text shows some causes, and counts the others:\n%s", out)
	}
	r.Clusters[0].Steps[1].Changes[0].Error.Message = value
	if !strings.Contains(write(t, "json", r, report.Options{}), value) {
		t.Error("JSON has the value whole")
	}
}

func TestOrder(t *testing.T) {
	r := validation()
	slices.Reverse(r.Findings)
	if d := cmp.Diff(write(t, "text", validation(), report.Options{}), write(t, "text", r, report.Options{})); d != "" {
		t.Errorf("the order in which findings are given does not matter:\n%s", d)
	}
}

func TestUnknownFormat(t *testing.T) {
	err := report.Write(&strings.Builder{}, "xml", report.Report{}, report.Options{})
	if err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff([]string{"github", "json", "text"}, report.Formats()); d != "" {
		t.Errorf("formats (-want +got):\n%s", d)
	}
}
