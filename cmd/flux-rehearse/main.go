// Command flux-rehearse shows what a revision of a GitOps repository would do
// to the clusters that Flux keeps in step with it.
package main

import (
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/flux-rehearse/flux-rehearse/simulate/controlplane"
)

// version is set by the linker.
var version = "dev"

func main() {
	if code, ran := controlplane.Main(); ran {
		os.Exit(code)
	}
	controlplane.CollectRarely()
	// The libraries of the controllers log; what matters of it is in the result.
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	end := &ending{stderr: os.Stderr}
	reportBrokenPipes()
	ctx := end.interruptible()
	work := &underway{}
	go work.guard(most(), end)
	end.with(execute(ctx, os.Args[1:], streams{os.Stdin, &output{File: os.Stdout}, os.Stderr}, work))
}
