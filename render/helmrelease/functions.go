package helmrelease

import "text/template"

// Functions returns the template functions that replace Helm's own where those
// read the clock or random numbers. They yield what a render of the same
// release yields, and are good for one render.
func (r *Renderer) Functions(p Prepared) template.FuncMap {
	return newSteady(p.ReleaseNamespace+"/"+p.ReleaseName, r.options.Now, r.rsaKey).functions()
}
