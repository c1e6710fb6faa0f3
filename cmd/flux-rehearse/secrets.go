package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/report"
)

// secrets are the values that decryption brought to light. Whatever the program
// prints goes through them, as a value may turn up far from its Secret: by
// substitution, in the values of a chart, in the words of the API server.
type secrets struct {
	mu    sync.Mutex
	texts map[string]bool
	names map[string]bool
	long  *strings.Replacer
	short *regexp.Regexp
}

// The lengths from which a value is looked for in what is printed: shorter ones
// are on every page. Those below the second one count only as whole words.
const (
	minSecret  = 4
	longSecret = 8
)

// commonWords are no secrets, although values may be equal to them.
var commonWords = []string{"true", "false", "null", "none", "enabled", "disabled"}

// add takes a value in, with its lines and the forms in which it is written.
func (s *secrets) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[string]bool{}
	}
	for _, t := range append(strings.Split(text, "\n"), text) {
		t = strings.TrimSpace(t)
		if len(t) < minSecret || slices.Contains(commonWords, strings.ToLower(t)) {
			continue
		}
		s.texts[t] = true
		s.texts[base64.StdEncoding.EncodeToString([]byte(t))] = true
		if quoted := strconv.Quote(t); quoted[1:len(quoted)-1] != t {
			s.texts[quoted[1:len(quoted)-1]] = true
		}
		if quoted, err := json.Marshal(t); err == nil {
			s.texts[string(quoted[1:len(quoted)-1])] = true
		}
	}
	if text != "" {
		s.texts[base64.StdEncoding.EncodeToString([]byte(text))] = true
	}
	s.long = nil
}

// allow takes in the names that the repository writes in plain text, which are
// printed whatever values are equal to them.
func (s *secrets) allow(w *render.World) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = map[string]bool{}
	}
	for _, o := range w.Objects() {
		s.names[o.GetKind()] = true
		if o.Origin.Doc != nil {
			s.names[o.Origin.Doc.Text("/metadata/name")] = true
			s.names[o.Origin.Doc.Text("/metadata/namespace")] = true
		}
	}
	s.long = nil
}

// word is a text that word boundaries of a pattern fit around.
var word = regexp.MustCompile(`^\w+$`)

func (s *secrets) prepare() {
	if s.long != nil {
		return
	}
	list := slices.SortedFunc(maps.Keys(s.texts), func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var long, short []string
	for _, t := range list {
		switch {
		case s.names[t]:
		case len(t) < longSecret && word.MatchString(t):
			short = append(short, regexp.QuoteMeta(t))
		default:
			long = append(long, t, "***")
		}
	}
	s.long, s.short = strings.NewReplacer(long...), nil
	if len(short) > 0 {
		s.short = regexp.MustCompile(`\b(` + strings.Join(short, "|") + `)\b`)
	}
}

// hide takes the values out of a text.
func (s *secrets) hide(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.texts) == 0 || text == "" {
		return text
	}
	s.prepare()
	text = s.long.Replace(text)
	if s.short != nil {
		text = s.short.ReplaceAllString(text, "***")
	}
	return text
}

// object is a copy of an object without the values.
func (s *secrets) object(o *render.Object) map[string]any {
	out, _ := s.value(diff.Mask(o.Object, o.Origin.Hidden...)).(map[string]any)
	return out
}

func (s *secrets) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, c := range v {
			out[k] = s.value(c)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, c := range v {
			out[i] = s.value(c)
		}
		return out
	case string:
		return s.hide(v)
	}
	return v
}

// report takes the values out of everything that a report quotes.
func (s *secrets) report(r *report.Report) { s.walk(reflect.ValueOf(r).Elem()) }

// walk replaces every text below a value that can be set, but places. Texts of
// a type of their own are codes.
func (s *secrets) walk(v reflect.Value) {
	if v.Type() == reflect.TypeFor[finding.Position]() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.walk(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.walk(v.Index(i))
		}
	case reflect.Struct:
		if f, ok := v.Addr().Interface().(*diff.Field); ok {
			s.field(f)
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				s.walk(v.Field(i))
			}
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(s.hide(v.String()))
		}
	}
}

// field keeps a change visible where all that differs is a hidden value.
func (s *secrets) field(f *diff.Field) {
	before, after := s.hide(f.Before), s.hide(f.After)
	if before == after && f.Before != f.After {
		after = fmt.Sprintf("%s (changed)", after)
	}
	f.Label, f.Before, f.After, f.Text = s.hide(f.Label), before, after, s.hide(f.Text)
}
