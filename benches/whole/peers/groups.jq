# How many requests of each vault, object id, operation and status: jq or jaq, -n -r -f groups.jq FILE.
reduce inputs as $r ({};
  .[[
    $r.resourceId,
    $r.identity.claim["http://schemas.microsoft.com/identity/claims/objectidentifier"] // "",
    $r.operationName,
    ($r.properties.httpStatusCode | tostring)
  ] | join("|")] += 1)
| "groups=\(length) total=\(add)"
