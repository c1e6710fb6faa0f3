package repo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProblems(t *testing.T) {
	tests := []struct {
		why, text string
		docs      int
		want      []string
	}{
		{"a file of comments has no documents", "# nothing\n", 0, nil},
		{"an empty file has no documents", "", 0, nil},
		{"a marker makes an empty document", "---\n# nothing\n", 1, nil},
		{"a byte order mark is skipped", "\ufeffa: 1\n", 1, nil},
		{"line breaks of Windows", "a: 1\r\n---\r\nb: 2\r\nb: 3\r\n", 2, []string{`yaml-duplicate-key 4:1 < 3:1`}},
		{"a directive belongs to the document that follows", "%YAML 1.1\n---\na: 1\n", 1, nil},
		{"a key twice", "a:\n  b: 1\n  c: 2\n  b: 3\n", 1, []string{`yaml-duplicate-key 4:3 < 2:3`}},
		{"a key three times", "a: 1\na: 2\na: 3\n", 1,
			[]string{`yaml-duplicate-key 2:1 < 1:1`, `yaml-duplicate-key 3:1 < 1:1`}},
		{"a tab as indentation", "a:\n  b: 1\n\tc: 2\n", 0, []string{`yaml-syntax 3:1`}},
		{"wrong indentation", "a:\n    b: 1\n  c: 2\n", 0, []string{`yaml-syntax 3:3`}},
		{"a value after a plain scalar of several lines", "a:\n  b\n  c: 2\n", 0, []string{`yaml-syntax 3:3`}},
		{"an unclosed quote is found where it opens", "a: 1\nb: \"x\nc: 2\nd: 3\n", 0, []string{`yaml-syntax 2:1`}},
		{"a broken line after a list that spans lines", "a: [\n  1,\n]\nb: 2\nc: d: e\nf: 1\n", 0, []string{`yaml-syntax 5:1`}},
		{"the documents around a broken one are kept", "a: 1\n---\nb: [\n---\nc: 1\nc: 2\n", 2,
			[]string{`yaml-syntax 3:1`, `yaml-duplicate-key 6:1 < 5:1`}},
		{"an anchor is not seen from the next document", "a: &x 1\n---\nb: *x\n", 1, []string{`yaml-syntax 3:4`}},
		{"an anchor that contains itself", "a: &x\n  b: *x\n", 1, []string{`yaml-syntax 2:6`}},
		{"a marker inside a block scalar ends it", "a: |\n  text\n---\nb: 1\n", 2, nil},
		{"UTF-16 is not read", "\xff\xfea\x00:\x00", 0, []string{`yaml-syntax 1:1`}},
		{"aliases that multiply", bomb(), 1, []string{`yaml-syntax 6:20`}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			tree := FromFiles(map[string]string{"a.yaml": tt.text})
			if got := len(tree.Documents()); got != tt.docs {
				t.Errorf("got %d documents, want %d", got, tt.docs)
			}
			var got []string
			for _, p := range tree.Problems() {
				text := fmt.Sprintf("%s %d:%d", p.Reason, p.Pos.Line, p.Pos.Col)
				for _, r := range p.Related {
					text += fmt.Sprintf(" < %d:%d", r.Pos.Line, r.Pos.Col)
				}
				if p.Message == "" || p.Hint == "" {
					t.Errorf("%s lacks a message or a hint", text)
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, tree.Problems())
			}
		})
	}
}

// bomb is a document of ten lines that stands for ten million values.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 8; i++ {
		refs := strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9)
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i, i, refs, i-1)
	}
	return b.String()
}

func TestFilesThatAreNotParsed(t *testing.T) {
	tree := FromFiles(map[string]string{
		"charts/app/Chart.yaml":                    "name: app\n",
		"charts/app/templates/deployment.yaml":     "{{ if .Values.x }}\na: b: c\n",
		"charts/app/templates/tests/deep/pod.yaml": "{{ .Values.y }}: {{\n",
		"templates/real.yaml":                      "a: 1\n",
		"data.json":                                "{\n\t\"a\": \"\\ud83d\\ude00\"}\n",
		"broken.json":                              "{\n  \"a\": 1,,\n}\n",
		"script.sh":                                "a: b: c\n",
	})
	var docs, problems []string
	for _, d := range tree.Documents() {
		docs = append(docs, d.Position().String())
	}
	for _, p := range tree.Problems() {
		problems = append(problems, p.Pos.String())
	}
	if diff := cmp.Diff([]string{"charts/app/Chart.yaml:1:1", "templates/real.yaml:1:1"}, docs); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"broken.json:2:10"}, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestOddLineBreaks(t *testing.T) {
	tree := FromFiles(map[string]string{"a.yaml": "a: 1\rb: 2\nc: \"x\u2028y\"\nd: 4\n"})
	doc := tree.Documents()[0]
	if got := doc.At("/d").String(); got != "a.yaml:3:4" {
		t.Errorf("d is at %s, want a.yaml:3:4: git counts line feeds only", got)
	}
	if got := doc.At("/b").String(); got != "a.yaml:1:9" {
		t.Errorf("b is at %s, want a.yaml:1:9", got)
	}
}

func FuzzAt(f *testing.F) {
	f.Add([]byte(deployment), "/spec/replicas")
	f.Add([]byte("\ufeffa: [1, {b: c}]\r\n"), "/a/1/b")
	f.Add([]byte("a: &x [*x]\n"), "/a/0/0/0")
	f.Add([]byte("<<: &x\n  <<: *x\n"), "/q")
	f.Add([]byte("a:\r\u2028\u0085b: ''"), "/b")
	f.Add([]byte("--- \n...\n---\n- ? a\n  : b\n"), "/0/a")
	f.Fuzz(func(t *testing.T, data []byte, pointer string) {
		if len(data) > 1<<14 {
			return
		}
		tree := FromFiles(map[string]string{"a.yaml": string(data)})
		lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
		inside := func(line, col int) {
			if line < 1 || line > len(lines) || col < 1 || col > len([]rune(lines[line-1]))+1 {
				t.Errorf("%d:%d is outside the file", line, col)
			}
		}
		for _, p := range tree.Problems() {
			inside(p.Pos.Line, p.Pos.Col)
		}
		for _, d := range tree.Documents() {
			for _, pos := range []string{pointer, "", "/a", "/0"} {
				at := d.At(pos)
				inside(at.Line, at.Col)
				if at.EndLine > 0 {
					inside(at.EndLine, at.EndCol)
				}
				key := d.KeyAt(pos)
				inside(key.Line, key.Col)
			}
			d.Ref()
			if _, err := d.Map(); err != nil && err.Error() == "" {
				t.Error("an error without text")
			}
		}
	})
}
