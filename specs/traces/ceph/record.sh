#!/bin/sh
# Records osd.log: a monitor and two OSDs on loopback in /tmp/ceph, traffic, and what osd.0 wrote about messages.
# Needs Debian 12: apt-get install -y --no-install-recommends ceph-mon ceph-osd ceph-common
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rm -rf /tmp/ceph
mkdir -p /tmp/ceph/mon /tmp/ceph/osd /tmp/ceph/log /tmp/ceph/run
cd /tmp/ceph
export CEPH_CONF=/tmp/ceph/ceph.conf
cat > ceph.conf <<'END'
[global]
fsid = 11111111-2222-3333-4444-555555555555
mon host = [v2:127.0.0.1:3300,v1:127.0.0.1:6789]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
mon allow pool size one = true
osd crush chooseleaf type = 0
osd pool default pg autoscale mode = off
osd objectstore = memstore
memstore device bytes = 1073741824
run dir = /tmp/ceph/run
admin socket = /tmp/ceph/run/$name.asok
crash dir = /tmp/ceph/run
[mon]
mon data = /tmp/ceph/mon/$id
mon cluster log file = /tmp/ceph/log/cluster.log
log file = /tmp/ceph/log/$name.log
[osd]
osd data = /tmp/ceph/osd/$id
crush location = root=default host=node
log file = /tmp/ceph/log/$name.log
[osd.0]
debug ms = 20
END

pids=
trap 'kill $pids; wait' EXIT
monmaptool --create --fsid 11111111-2222-3333-4444-555555555555 --addv a '[v2:127.0.0.1:3300,v1:127.0.0.1:6789]' monmap
timeout 60 ceph-mon --mkfs -i a --monmap monmap
ceph-mon -f -i a & pids="$pids $!"
for id in 0 1; do
    uuid=$(cat /proc/sys/kernel/random/uuid)
    timeout 60 ceph osd new "$uuid" "$id"
    mkdir osd/$id
    timeout 60 ceph-osd -i $id --mkfs --osd-uuid "$uuid"
done
rm log/osd.0.log
for id in 0 1; do
    ceph-osd -f -i $id & pids="$pids $!"
done
until timeout 60 ceph osd stat | grep -q '2 up'; do sleep 1; done
timeout 60 ceph osd pool create p 8 8
timeout 60 ceph osd pool set p size 1 --yes-i-really-mean-it
timeout 60 ceph osd pool create r 8 8
timeout 60 ceph osd pool set r size 2
timeout 60 /usr/bin/python3 "$here/load.py"
sleep 1
ceph-osd --version
cp log/osd.0.log whole.log
grep -E -e '--2- .*\)\.(ready entity=|handle_message received )' -e ' -- [^ ]+ (<==|queue 0x[0-9a-f]+ prio|done calling) ' \
    whole.log > "$here/osd.log"
python3 "$here/convert.py" "$here/osd.log" > "$here/osd.jsonl"
