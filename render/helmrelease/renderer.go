package helmrelease

import (
	"crypto/rsa"
	"sync"
	"time"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// Group and Kind name the objects that the package renders.
const (
	Group = "helm.toolkit.fluxcd.io"
	Kind  = "HelmRelease"
)

const sourceGroup = "source.toolkit.fluxcd.io"

// Options says what a Renderer uses besides the Input of each render. The zero
// value is usable.
type Options struct {
	// HTTP returns the file that holds a copy of a remote document, for the
	// references of values schemas.
	HTTP func(url string) (path string, ok bool)
	// Namespaced says whether the objects of a kind live in namespaces. Kinds
	// that nobody knows are taken as namespaced.
	Namespaced func(gvk schema.GroupVersionKind) (namespaced, known bool)
	// Now is what templates see as the current time, a fixed day when zero.
	Now time.Time
	// Timeout bounds the time that the templates of one chart may run, 20 seconds
	// when zero.
	Timeout time.Duration
	// Memory is what Renderers know of charts together, a new one when nil.
	Memory *Memory
}

// Memory is what was found out about charts, by their content: what is packed in
// them, what their templates look at, what post-renderers make of their texts.
// It is safe for concurrent use.
type Memory struct {
	charts  *chartCache
	surveys *surveyCache
	sorted  *sortedCache
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{charts: newChartCache(), surveys: &surveyCache{}, sorted: &sortedCache{}}
}

// Renderer renders HelmReleases. It is safe for concurrent use.
type Renderer struct {
	options Options
	charts  *chartCache
	schemas *schemaCache
	surveys *surveyCache
	sorted  *sortedCache
	rsaKey  func() (*rsa.PrivateKey, error)
}

// New returns a Renderer. The standard logger of the program drops what Helm
// writes to it from then on.
func New(o Options) *Renderer {
	if o.HTTP == nil {
		o.HTTP = func(string) (string, bool) { return "", false }
	}
	if o.Namespaced == nil {
		o.Namespaced = func(schema.GroupVersionKind) (bool, bool) { return false, false }
	}
	if o.Now.IsZero() {
		o.Now = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	if o.Memory == nil {
		o.Memory = NewMemory()
	}
	quiet()
	m := o.Memory
	return &Renderer{options: o, charts: m.charts, schemas: &schemaCache{}, surveys: m.surveys, sorted: m.sorted, rsaKey: sync.OnceValues(fixedRSAKey)}
}

// Kinds implements render.Renderer.
func (r *Renderer) Kinds() []schema.GroupKind {
	return []schema.GroupKind{{Group: Group, Kind: Kind}}
}

// Needs implements render.Renderer.
func (r *Renderer) Needs(obj *render.Object, _ render.Settings) []render.Need {
	hr, err := decode(obj)
	if err != nil {
		return nil
	}
	var needs []render.Need
	for i, d := range hr.Spec.DependsOn {
		ref := finding.Ref{Group: Group, Kind: Kind, Namespace: either(d.Namespace, hr.Namespace), Name: d.Name}
		needs = append(needs, render.Need{Kind: render.NeedDependency, Ref: ref, Field: item("/spec/dependsOn", i)})
	}
	if ref, field := sourceOf(hr); !ref.IsZero() {
		needs = append(needs, render.Need{Kind: render.NeedSource, Ref: ref, Field: field})
	}
	for i, v := range hr.Spec.ValuesFrom {
		needs = append(needs, render.Need{Kind: render.NeedData, Ref: valuesRef(hr, v), Optional: v.Optional, Field: item("/spec/valuesFrom", i)})
	}
	return needs
}

// sourceOf names the source object that the chart comes from, and the field
// that says so.
func sourceOf(hr *v2.HelmRelease) (finding.Ref, string) {
	switch {
	case hr.Spec.ChartRef != nil:
		c := hr.Spec.ChartRef
		return finding.Ref{Group: sourceGroup, Kind: c.Kind, Namespace: either(c.Namespace, hr.Namespace), Name: c.Name}, "/spec/chartRef"
	case hr.Spec.Chart != nil:
		s := hr.Spec.Chart.Spec.SourceRef
		return finding.Ref{Group: sourceGroup, Kind: s.Kind, Namespace: either(s.Namespace, hr.Namespace), Name: s.Name}, "/spec/chart/spec/sourceRef"
	}
	return finding.Ref{}, ""
}

func valuesRef(hr *v2.HelmRelease, v v2.ValuesReference) finding.Ref {
	return finding.Ref{Kind: v.Kind, Namespace: hr.Namespace, Name: v.Name}
}
