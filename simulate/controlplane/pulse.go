package controlplane

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// How often a running API server is asked whether it lives, how long an answer
// may take, and how long it may fail to say that it does.
const (
	pulsePause   = time.Second
	pulsePatient = 5 * time.Second
	pulseSilence = 20 * time.Second
)

// feel declares the plane lost when its API server has not said for long that
// it and etcd live: one of them hangs.
func (p *Plane) feel(client rest.Interface) {
	var silence time.Duration // without the time that this process itself did not run
	for {
		asked := time.Now()
		select {
		case <-p.done:
			return
		case <-time.After(pulsePause):
		}
		silent := p.pulse(client)
		if silent == "" {
			silence = 0
			continue
		}
		if silence += min(time.Since(asked), pulsePause+pulsePatient); silence > p.silence {
			p.end(fmt.Errorf("%s does not answer for %s", silent, p.silence))
			return
		}
	}
}

// pulse names the program that does not live, empty if both do.
func (p *Plane) pulse(client rest.Interface) string {
	ctx, cancel := p.whileServing(context.Background())
	defer cancel()
	ctx, cancelLate := context.WithTimeout(ctx, pulsePatient)
	defer cancelLate()
	said, err := client.Get().AbsPath("/livez").Param("verbose", "").Do(ctx).Raw()
	switch {
	case err == nil:
		return ""
	case strings.Contains(string(said)+err.Error(), "[-]etcd"):
		return etcdName
	}
	return apiServerName
}

// whileServing returns a context that also ends when the plane is lost or stopped.
func (p *Plane) whileServing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
