"""moto's server, brought closer to what AWS documents, with controls for tests.

Run by servers/aws.py as `python -m servers.aws_overlay --port N`. Corrections:

Cloud Map      RegisterInstance with a known InstanceId replaces; InstancesRevision only grows;
               DiscoverInstances returns 100 by default, 1000 at most, in random order;
               AWS_INIT_HEALTH_STATUS; UNKNOWN health without a health check; NamespaceAlreadyExists,
               ServiceAlreadyExists, ResourceInUse, CustomHealthNotFound, 1000 instances a service;
               List* filters and pages; operations and visibility can take time (see below).
Route 53       a batch of changes is applied all or nothing, and one by one, within AWS's limits; CREATE of an
               existing set and DELETE of anything but the set as it is fail; simple sets and sets of a routing
               policy do not mix; SRV data is checked; CreateHealthCheck knows its callers' references.
DynamoDB       a write that changes nothing leaves no stream record; BatchWriteItem takes 25.
Streams        shards roll, iterators expire, records are trimmed, errors carry AWS's names;
               an iterator outlives a cancelled transaction (in plain moto it goes deaf);
               a disabled stream stays readable, enabling again gives a new ARN.

Controls (JSON over HTTP):
POST /meshclient/cloudmap       {"delay": 2.0}        seconds until register, deregister and health show;
                                0 shows what is still to come
POST /meshclient/cloudmap/fill  {"service": "srv-...", "count": 1000}   that many instances in place of all others
POST /meshclient/throttle       {"target": "DiscoverInstances", "rate": 2, "burst": 5[, "code": ...]}
                                rate 0 and burst 0 throttle every call; {} lifts all
POST /meshclient/streams/roll   {"table": "t"}        close the open shard, open a child
POST /meshclient/streams/trim   {"table": "t", "keep": 10}
POST /meshclient/streams/expire {}                    every iterator handed out so far expires
POST /meshclient/ttl            {}                    delete what TTL has expired, as the service does
GET  /meshclient/calls          {"DiscoverInstances": 12, ...}; DELETE sets them to zero
GET  /meshclient/zone?name=N    a zone file of the Route 53 zone or Cloud Map namespace N

moto's modules come through `import_module`, because its types do not describe what is changed here.
"""
