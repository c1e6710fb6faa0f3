package helmrelease

import (
	"crypto/sha256"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template/parse"
	"unicode/utf8"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// survey reads templates without running them and finds out whether Helm 3
// yields what the controller yields. It does not see names of functions that a
// template puts together while it runs.
type survey struct {
	steady  map[string]bool // functions that Helm 3 would run with the clock or random numbers
	beyond  string          // why the templates need Helm 4, empty if they do not
	tpl     bool            // they run texts from elsewhere
	files   bool            // they read files of the chart
	asks    map[string]bool // API versions that they look for, by name
	browses bool            // they look at API versions in other ways
	strings []string        // texts in them that may be templates
}

// need notes the first reason for Helm 4.
func (s *survey) need(reason string) {
	if s.beyond == "" {
		s.beyond = reason
	}
}

func newSurvey() *survey {
	s := &survey{steady: map[string]bool{}, asks: map[string]bool{}}
	bounds := bounded()
	for name := range (&steady{}).functions() {
		if _, ok := bounds[name]; !ok {
			s.steady[name] = true
		}
	}
	return s
}

// surveyCache surveys equal templates once.
type surveyCache struct{ entries sync.Map }

// beyond says why the chart, whose dependencies are processed, needs Helm 4.
// It is empty when Helm 3 renders it as the controller does.
func (c *surveyCache) beyond(chart *helmchart.Chart, top chartutil.Values) string {
	found := c.of(chart)
	if found.beyond != "" || !found.tpl {
		return found.beyond
	}
	return found.withTexts(chart, top["Values"]).beyond
}

// asked names the API versions that the chart, whose dependencies are processed,
// looks for with these values. It reports false when it may look at any.
func (c *surveyCache) asked(chart *helmchart.Chart, values map[string]any) ([]string, bool) {
	found := c.of(chart)
	asks, browses := maps.Clone(found.asks), found.browses
	if found.tpl {
		texts := found.withTexts(chart, values)
		everyChart(chart, func(c *helmchart.Chart) { texts.values(c.Values) })
		maps.Copy(asks, texts.asks)
		browses = browses || texts.browses
	}
	return slices.Sorted(maps.Keys(asks)), !browses
}

func (c *surveyCache) of(chart *helmchart.Chart) *survey {
	var files []*helmchart.File
	everyChart(chart, func(c *helmchart.Chart) { files = append(files, c.Templates...) })
	sum := sha256.New()
	for _, f := range files {
		sum.Write([]byte(f.Name + "\x00"))
		sum.Write(f.Data)
		sum.Write([]byte{0})
	}
	entry, _ := c.entries.LoadOrStore(string(sum.Sum(nil)), sync.OnceValue(func() *survey {
		s := newSurvey()
		for _, f := range files {
			s.template(string(f.Data))
		}
		return s
	}))
	return entry.(func() *survey)()
}

// withTexts surveys what the templates may run with tpl: their own texts, the
// values, and files of the chart if they read any.
func (s *survey) withTexts(chart *helmchart.Chart, values any) *survey {
	out := &survey{steady: s.steady, asks: map[string]bool{}}
	for _, text := range s.strings {
		out.text(text)
	}
	out.values(values)
	if s.files {
		everyChart(chart, func(c *helmchart.Chart) {
			for _, f := range c.Files {
				if utf8.Valid(f.Data) {
					out.text(string(f.Data))
				}
			}
		})
	}
	return out
}

func everyChart(c *helmchart.Chart, visit func(*helmchart.Chart)) {
	visit(c)
	for _, d := range c.Dependencies() {
		everyChart(d, visit)
	}
}

func (s *survey) values(v any) {
	switch v := v.(type) {
	case chartutil.Values:
		s.values(map[string]any(v))
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			s.text(key)
			s.values(v[key])
		}
	case []any:
		for _, e := range v {
			s.values(e)
		}
	case string:
		s.text(v)
	}
}

// template surveys a template of the chart. One that does not parse is left to
// Helm 4, whose words the controller uses.
func (s *survey) template(text string) {
	if !s.parsed(text) {
		s.need("a template does not parse")
		s.browses = true
	}
}

var (
	actionPattern = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	wordPattern   = regexp.MustCompile(`[A-Za-z_]\w*`)
)

// text surveys a text that may be a template. If it is none by itself, it may
// still become one together with others: then names of functions count.
func (s *survey) text(text string) {
	template := strings.Contains(text, "{{")
	if template && s.parsed(text) {
		return
	}
	s.browses = s.browses || strings.Contains(text, capabilities)
	if !template || s.beyond != "" {
		return
	}
	bounds := bounded()
	for _, action := range actionPattern.FindAllString(text, -1) {
		for _, word := range wordPattern.FindAllString(action, -1) {
			if _, ok := bounds[word]; ok || s.steady[word] {
				s.need("part of a template names " + word)
			}
		}
	}
}

func (s *survey) parsed(text string) bool {
	tree := parse.New("survey")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		s.node(trees[name].Root)
	}
	return true
}

// node surveys a part of a template. It is nil-safe, as parse leaves out the
// lists of branches that are absent.
func (s *survey) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, e := range n.Nodes {
				s.node(e)
			}
		}
	case *parse.ActionNode:
		s.pipe(n.Pipe)
	case *parse.IfNode:
		s.branch(&n.BranchNode)
	case *parse.RangeNode:
		s.branch(&n.BranchNode)
	case *parse.WithNode:
		s.branch(&n.BranchNode)
	case *parse.TemplateNode:
		s.pipe(n.Pipe)
	}
}

func (s *survey) branch(n *parse.BranchNode) {
	s.pipe(n.Pipe)
	s.node(n.List)
	s.node(n.ElseList)
}

func (s *survey) pipe(n *parse.PipeNode) {
	if n == nil {
		return
	}
	for _, c := range n.Cmds {
		s.command(c)
	}
}
