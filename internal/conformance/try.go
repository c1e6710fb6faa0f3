package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// orderDependent are the cases in which the controllers' scheduling decides.
var orderDependent = []string{
	"suspend-with-inventory", "move-object", "rename-kustomization", "incident-overlay-missing-variables",
	"incident-pvc-move-direct", "incident-pvc-move-direct-unused", "subst-from-produced",
}

// try runs one case.
func try(opt options, name string) outcome {
	o := outcome{name: name, verdict: differs, ordered: slices.Contains(orderDependent, name)}
	dir, err := workFolder(opt.keep, name)
	if err != nil {
		o.first = err.Error()
		return o
	}
	if opt.keep == "" {
		defer os.RemoveAll(dir)
	}
	s, err := layOut(filepath.Join(opt.cases, name), dir)
	if err == nil {
		err = s.run(opt.bin)
	}
	var unknown unknownError
	switch {
	case errors.As(err, &unknown):
		o.verdict, o.first = notYet, err.Error()
		return o
	case err != nil:
		o.first = err.Error()
		return o
	}
	required, wanted := s.judge()
	o.wanted = wanted
	if len(required) == 0 {
		o.verdict = passed
		return o
	}
	o.first = short(required[0])
	if opt.all {
		o.first = "\n    " + strings.Join(required, "\n    ")
	}
	return o
}

func workFolder(keep, name string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "conformance-")
	}
	dir := filepath.Join(keep, name)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// unknownError says that the program itself does not know the answer.
type unknownError struct{ error }

// run runs the program on a case. Exit code 3 and an owner of which the
// program says "unknown" mean that it does not know.
func (s *stage) run(bin string) error {
	args := []string{
		"simulate", filepath.Join(s.dir, "repo"), "-o", "json", "--config", filepath.Join(s.dir, "config.yaml"),
		"--state-dir", filepath.Join(s.dir, "state"),
	}
	if s.base == "" {
		args = append(args, "--source-map", filepath.Join(s.dir, "map-base.yaml"))
	} else {
		args = append(args, "--source-map", filepath.Join(s.dir, "map-head.yaml"), "--base", s.base, "--base-source-map", filepath.Join(s.dir, "map-base.yaml"))
	}
	cmd := exec.Command(bin, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if werr := os.WriteFile(filepath.Join(s.dir, "report.json"), stdout.Bytes(), 0o644); werr != nil {
		return werr
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 {
		return unknownError{fmt.Errorf("exit code %d (%v): %s", code, err, short(stderr.String()))}
	}
	return nil
}

// judge compares every step.
func (s *stage) judge() (required, wanted []string) {
	for _, step := range s.steps {
		want, err := load(filepath.Join(s.src, "expect", step), strings.NewReplacer())
		if err != nil {
			return []string{step + ": " + err.Error()}, nil
		}
		got, err := load(filepath.Join(s.dir, "state", step), s.masks())
		if err != nil {
			return []string{step + ": " + err.Error()}, nil
		}
		r, w := compare(want, got)
		for _, d := range r {
			required = append(required, step+": "+d)
		}
		for _, d := range w {
			wanted = append(wanted, step+": "+d)
		}
	}
	return required, wanted
}

// masks puts the placeholders of the record back.
func (s *stage) masks() *strings.Replacer {
	var pairs []string
	for mask, commit := range s.commits {
		pairs = append(pairs, commit, "<commit:"+mask+">", commit[:12], "<commit:"+mask+">")
	}
	for _, a := range addresses {
		pairs = append(pairs, a[1], a[0])
	}
	return strings.NewReplacer(pairs...)
}

type replacement struct {
	pattern *regexp.Regexp
	by      string
}

// identified is masked wherever it stands in a record.
var identified = []replacement{
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:<digest>"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<uid>"},
}

// identities takes digests and uids out of a file of a record or of a state.
func identities(text string) string {
	for _, m := range identified {
		text = m.pattern.ReplaceAllString(text, m.by)
	}
	return text
}

// masked is what differs from run to run in messages.
var masked = []replacement{
	{regexp.MustCompile(`\b([0-9]+h)?([0-9]+m)?[0-9]+(\.[0-9]+)?(ms|s|m|h)\b`), "<dur>"},
	// The controller names the folder into which it unpacks the artifact.
	{regexp.MustCompile(`'<tmpdir>/kustomization-(<tmp>|[0-9]+)'`), "'.'"},
	{regexp.MustCompile(`<tmpdir>/kustomization-(<tmp>|[0-9]+)/?`), ""},
	{regexp.MustCompile(`<tmpdir>/gitrepository-[a-z0-9-]*(<tmp>|[0-9]+)/`), ""},
	{regexp.MustCompile(`<tmpdir>/flux-include-(<tmp>|[0-9]+)/unpack/`), ""},
	{regexp.MustCompile(`(<tmpdir>|/[^ :'"]*)/helmchart-(<tmp>|[0-9]+)/source/`), ""},
	// The program fetches no index of a Helm repository, and does not know its size.
	{regexp.MustCompile(`index of (size [0-9.]+k?B|unknown size)`), "index"},
	{regexp.MustCompile(`<tmpdir>/kustomize-(<tmp>|[0-9]+)`), "/tmp/kustomize-clone"},
	{regexp.MustCompile(`<tmpdir>/`), "../"},
	// kustomize prints some values with their place in memory.
	{regexp.MustCompile(`&\{(0x[0-9a-f]+|<nil>)( (0x[0-9a-f]+|<nil>))*\}`), "&{}"},
	// Some messages quote an object as the server holds it.
	{regexp.MustCompile(`(\\*"(?:creationTimestamp|deletionTimestamp|time)\\*":\\*")[0-9TZ:.-]+`), "${1}<time>"},
	{regexp.MustCompile(`(\\*"resourceVersion\\*":\\*")[0-9]+`), "${1}<version>"},
	// SOPS names files in the home of the controller, and wraps its lines.
	{regexp.MustCompile(`'<scratch>/`), "'/"},
	{regexp.MustCompile(`\n +\| `), " "},
	{regexp.MustCompile(`\s+`), " "},
}

// causes are the mistakes of an object as the server lists them, in any order.
var causes = regexp.MustCompile(`, (?:[\w.\[\]"/-]+|<nil>): (?:Invalid value|Required value|Unsupported value|Duplicate value|Forbidden|Too long|Too many|Too few)`)

// violations are what the values schema of a chart refuses.
var violations = regexp.MustCompile(`- at '.*(?:\n- at '.*)+`)

// listed puts the mistakes of an object, which the server finds in the order of
// a map, into one order.
func listed(text string) string {
	if head, tail, ok := strings.Cut(text, "errors:\n"); ok {
		lines := strings.Split(tail, "\n")
		slices.Sort(lines)
		return head + "errors:\n" + strings.Join(lines, "\n")
	}
	text = violations.ReplaceAllStringFunc(text, func(list string) string {
		lines := strings.Split(list, "\n")
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	})
	head, tail, ok := strings.Cut(text, " is invalid: [")
	list, rest, closed := strings.Cut(tail, "]\n")
	if !ok || !closed {
		list, rest = strings.TrimSuffix(tail, "]"), ""
	}
	if !ok {
		return text
	}
	var parts []string
	for at := causes.FindStringIndex(list); at != nil; at = causes.FindStringIndex(list) {
		parts, list = append(parts, list[:at[0]]), list[at[0]+2:]
	}
	parts = append(parts, list)
	slices.Sort(parts)
	return head + " is invalid: [" + strings.Join(parts, ", ") + "]" + rest
}

// mask takes what differs from run to run out of a message.
func mask(text string) string {
	text = listed(text)
	for _, m := range masked {
		text = m.pattern.ReplaceAllString(text, m.by)
	}
	return strings.TrimSpace(text)
}

func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 300 {
		return string(r[:300]) + " …"
	}
	return text
}
