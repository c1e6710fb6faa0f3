package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/report"
)

func write(t *testing.T, format string, r report.Report, o report.Options) string {
	t.Helper()
	var b strings.Builder
	if err := report.Write(&b, format, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestLayout holds the look of each format against recorded files; UPDATE=1
// records them again, and the change is then reviewed as text.
func TestLayout(t *testing.T) {
	tests := []struct {
		file, format string
		report       report.Report
		options      report.Options
	}{
		{"validate.txt", "text", validation(), report.Options{Width: 80, Source: source}},
		{"validate.colour.txt", "text", validation(), report.Options{Colour: true, Source: source}},
		{"validate.json", "json", validation(), report.Options{}},
		{"validate.github.txt", "github", validation(), report.Options{}},
		{"simulate.txt", "text", simulation(), report.Options{Width: 100, Source: source}},
		{"simulate.unchanged.txt", "text", simulation(), report.Options{ShowUnchanged: true}},
		{"simulate.json", "json", simulation(), report.Options{}},
		{"simulate.github.txt", "github", simulation(), report.Options{Source: source}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got := write(t, tt.format, tt.report, tt.options)
			file := filepath.Join("testdata", tt.file)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-recorded +got):\n%s", d)
			}
		})
	}
}
