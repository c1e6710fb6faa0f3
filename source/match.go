package source

import (
	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// found is what a source map has for a request.
type found struct {
	row     *row   // nil when nothing fits
	version string // tag or version that the row stands for
	closed  bool   // the map lists everything there is, so nothing else exists upstream
	known   bool   // the map has rows of this source
}

// rowsOf returns the rows of a kind that are about the object: those with its
// URL, and those without a URL that have its namespace and name. Rows of that
// very object come first.
func (m *Map) rowsOf(kind string, obj *unstructured.Unstructured, url string) []*row {
	if m == nil {
		return nil
	}
	var named, others []*row
	for i := range m.rows {
		r := &m.rows[i]
		if r.Kind != kind {
			continue
		}
		same := r.Name == obj.GetName() && r.Namespace == obj.GetNamespace()
		switch {
		case isURL(r.URL) && isURL(url) && !sameURL(r.URL, url):
		case same:
			named = append(named, r)
		case isURL(r.URL) && isURL(url):
			others = append(others, r)
		}
	}
	return append(named, others...)
}

// without reports whether a source does not exist, as the map is closed and has
// no row of it.
func (m *Map) without(kind string, obj *unstructured.Unstructured, url string) bool {
	return m != nil && m.Closed && len(m.rowsOf(kind, obj, url)) == 0
}

// closed reports whether rows are all that exists upstream.
func (m *Map) closed(rows []*row) bool {
	if len(rows) == 0 {
		return false
	}
	for _, r := range rows {
		if r.Complete {
			return true
		}
	}
	return m.Complete
}

// pick keeps the row with the highest version; of equal versions, and of rows
// without a version, the first.
type pick struct {
	row     *row
	text    string
	version *semver.Version
}

func (p *pick) offer(r *row, text string, v *semver.Version) {
	switch {
	case p.row == nil:
	case v == nil:
		return
	case p.version != nil && !v.GreaterThan(p.version):
		return
	}
	*p = pick{row: r, text: text, version: v}
}

// git finds the row for what a GitRepository checks out.
func (m *Map) git(obj *unstructured.Unstructured) found {
	rows := m.rowsOf("GitRepository", obj, text(obj, "spec", "url"))
	kind, want := refIn(obj).gitWant()
	var best pick
	for _, r := range rows {
		if r.Ref == (gitRef{}) && r.Resolved == "" {
			best.offer(r, "", nil)
			continue
		}
		rowKind, has := r.Ref.gitWant()
		if r.Ref == (gitRef{}) {
			rowKind, has = refTag, r.Resolved
		}
		switch {
		case kind == refSemver:
			tag := r.Resolved
			if tag == "" && rowKind == refTag {
				tag = has
			}
			if v, ok := satisfies(tag, want); ok {
				best.offer(r, tag, v)
			} else if rowKind == refSemver && has == want {
				best.offer(r, tag, nil)
			}
		case kind == rowKind && has == want, kind == refCommit && r.Commit == want,
			kind == refTag && r.Resolved == want:
			best.offer(r, want, nil)
		}
	}
	return found{row: best.row, version: best.text, closed: m.closed(rows), known: len(rows) > 0}
}

// oci finds the row for what an OCIRepository pulls.
func (m *Map) oci(obj *unstructured.Unstructured, filter func(tag string) bool) found {
	rows := m.rowsOf("OCIRepository", obj, text(obj, "spec", "url"))
	kind, want := refIn(obj).ociWant()
	var best pick
	for _, r := range rows {
		rowKind, has := r.Ref.ociWant()
		tag := r.Resolved
		if tag == "" && rowKind == refTag && r.Ref != (gitRef{}) {
			tag = has
		}
		if tag == "" {
			tag = r.Version
		}
		switch {
		case kind == refDigest:
			if r.Digest == want || r.Ref.Digest == want {
				best.offer(r, "", nil)
			}
		case kind == refSemver:
			ver := tag
			if text(obj, "spec", "layerSelector", "mediaType") == chartLayer {
				ver = ociVersion(tag)
			}
			if v, ok := satisfies(ver, want); ok && filter(tag) {
				best.offer(r, tag, v)
			} else if rowKind == refSemver && has == want {
				best.offer(r, tag, nil)
			}
		case tag == want || rowKind == refTag && has == want || tag == "" && r.Ref == (gitRef{}):
			best.offer(r, want, nil)
		}
	}
	return found{row: best.row, version: best.text, closed: m.closed(rows), known: len(rows) > 0}
}

// chart finds the row for a chart of a HelmRepository: the version itself, else
// the highest release that the range allows.
func (m *Map) chart(req ChartRequest) (f found, named bool) {
	url := text(req.Source, "spec", "url")
	rows := m.rowsOf("HelmRepository", req.Source, url)
	f = found{closed: m.closed(rows), known: len(rows) > 0}
	var ofChart []*row
	for _, r := range rows {
		if r.Chart == req.Chart {
			ofChart = append(ofChart, r)
		}
	}
	for _, r := range ofChart {
		if req.Version != "" && r.chartVersion() == req.Version {
			f.row, f.version = r, req.Version
			return f, true
		}
	}
	var best pick
	for _, r := range ofChart {
		if v, ok := satisfies(r.chartVersion(), req.Version); ok {
			best.offer(r, r.chartVersion(), v)
		}
	}
	f.row, f.version = best.row, best.text
	return f, len(ofChart) > 0
}

// chartVersion is the version of the chart that the row stands for.
func (r *row) chartVersion() string {
	if r.Resolved != "" {
		return r.Resolved
	}
	return r.Version
}
