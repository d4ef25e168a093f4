# What follows is the same in every script of this kind: one function for each step.

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

WORK=$(mktemp -d)
SINCE=''
MADE=''
ended() {
  status=$?
  rm -rf "$WORK"
  if [ "$status" -ne 0 ] && [ -n "$MADE" ]; then
    printf 'Made so far:%s\nThe same command again goes on from there.\n' "$MADE" >&2
  fi
}
trap ended EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
made() { MADE="$MADE
  $*"; }

# secret NAME VALUE: the value of a parameter in a file of ours, as other users see the words of a command.
secret() { (umask 077; printf '%s' "$2" > "$WORK/$1"); }

# table COLUMNS ROWS COMMAND...: some values of an answer, a row on each line, with | between them.
table() {
  columns=$1 rows=$2
  shift 2
  answer=$("$@" --output "cols=$columns" ${rows:+"rows=$rows"}) || return
  printf '%s\n' "$answer" | sed -e 1,2d -e 's/ *| */|/g' -e 's/ *$//'
}

ros() { aliyun ros "$@" --region "$REGION" --RegionId "$REGION"; }

# The account is told before anything is done in it.
check_account() {
  command -v aliyun > /dev/null || fail "the vendor's command line tool, aliyun, is not on this machine"
  ACCOUNT=$(table AccountId '' aliyun sts GetCallerIdentity --region "$REGION") ||
    fail 'who is asking is not known to the cloud: `aliyun configure` sets up the keys'
  say "Account $ACCOUNT, region $REGION, stack $STACK"
}

# Function Compute takes code from a bucket of its own region alone.
check_bucket() {
  aliyun oss stat "oss://$BUCKET" --region "$REGION" --sign-version v4 > "$WORK/bucket" 2> "$WORK/error" || {
    cat "$WORK/bucket" "$WORK/error" >&2
    fail "the bucket $BUCKET is not one in $REGION that can be looked at (right: oss:GetBucketInfo)"
  }
  place=$(sed -n 's/^Location *: *//p' "$WORK/bucket")
  [ "$place" = "oss-$REGION" ] || fail "the bucket $BUCKET is in $place, and has to be in oss-$REGION"
}

# need_role NAME SERVICE: a role that a service needs in each account, and that a fresh one may not have.
need_role() {
  aliyun ram GetRole --region "$REGION" --RoleName "$1" > /dev/null 2>&1 && return
  if aliyun resourcemanager CreateServiceLinkedRole --region "$REGION" --ServiceName "$2" \
    > /dev/null 2> "$WORK/error"; then
    say "Made the service-linked role $1"
    made "the service-linked role $1"
  elif ! grep -q EntityAlreadyExists "$WORK/error"; then
    cat "$WORK/error" >&2
    fail "the service-linked role $1 is not there and could not be made (right: ram:CreateServiceLinkedRole)"
  fi
}

# upload FILE OBJECT: V1 signatures are closed to new accounts and buckets.
upload() {
  aliyun oss cp "$1" "oss://$BUCKET/$2" --region "$REGION" --sign-version v4 --force > "$WORK/upload" || {
    cat "$WORK/upload" >&2
    fail "$1 was not uploaded (right: oss:PutObject)"
  }
  made "oss://$BUCKET/$2"
}

# find_stack: sets STACK_ID, empty if there is none.
find_stack() {
  STACK_ID=$(table StackId "Stacks[?StackName=='$STACK' && Status!='DELETE_COMPLETE']" \
    ros ListStacks --StackName.1 "$STACK" --PageSize 50) ||
    fail "the stacks of $REGION could not be listed (right: ros:ListStacks)"
}

# look: sets STATUS, UPDATED (when that began) and REASON of the stack.
look() {
  if ! row=$(table Status,UpdateTime,StatusReason '' \
    ros GetStack --StackId "$STACK_ID" 2> "$WORK/error"); then
    grep -q StackNotFound "$WORK/error" || return 1
    row='DELETE_COMPLETE||'
  fi
  IFS='|' read -r STATUS UPDATED REASON <<ROW
$(printf '%s' "$row" | tr '\n' ' ')
ROW
}

# settle [BEFORE]: waits until nothing is in progress, for as long as $MINUTES; BEFORE is what a look showed before
# the call whose end is waited for, as it may be shown for some moments still.
settle() {
  waited=0 failures=0 told=''
  while :; do
    if look; then
      failures=0
      [ "$STATUS" = "$told" ] || say "$STATUS"
      told=$STATUS
      case $STATUS in
        REVIEW_IN_PROGRESS) fail "the stack waits for its change set: run or delete that in the console first" ;;
        *_IN_PROGRESS) ;;
        *) [ "$STATUS $UPDATED" = "${1-}" ] && [ "$waited" -lt 60 ] || return 0 ;;
      esac
    else
      failures=$((failures + 1))
      [ "$failures" -lt 6 ] || { cat "$WORK/error" >&2; fail "the stack could not be looked at for a minute"; }
    fi
    [ "$waited" -lt $((MINUTES * 60)) ] || fail "the stack is still $told after $MINUTES minutes"
    [ "$waited" -lt 300 ] && pause=10 || pause=30
    sleep "$pause"
    waited=$((waited + pause))
  done
}

# events STATUS...: what happened to resources, the newest first.
events() {
  number=0
  for status in "$@"; do
    shift
    number=$((number + 1))
    set -- "$@" "--Status.$number" "$status"
  done
  table CreateTime,LogicalResourceId,Status,StatusReason Events \
    ros ListStackEvents --StackId "$STACK_ID" --PageSize 50 "$@"
}

# remember_events: what comes later is of what is done now. The clock is the cloud's own.
remember_events() { SINCE=$(events | sed -n '1s/|.*//p'); }

# explain: what went wrong since then, and what is there now.
explain() {
  printf 'error: the stack is %s: %s\n' "$STATUS" "$REASON" >&2
  events CREATE_FAILED UPDATE_FAILED DELETE_FAILED |
    awk -F '|' -v stack="$STACK" -v since="$SINCE" \
      '$1 > since && $2 != stack { print "  " $2 ": " $3 ": " $4 }' >&2
  left=$(table LogicalResourceId,Status "Resources[?Status!='DELETE_COMPLETE' && Status!='INIT_COMPLETE']" \
    ros ListStackResources --StackId "$STACK_ID") || left='not known'
  printf 'Resources of the stack now:\n%s\n' "$(printf '%s\n' "${left:-none}" | sed -e 's/|/ /' -e 's/^/  /')" >&2
}

# parameter NAME: its value in the stack.
parameter() {
  table ParameterValue "Parameters[?ParameterKey=='$1']" \
    ros GetStack --StackId "$STACK_ID" || fail "the stack's parameters could not be read"
}

outputs() {
  table OutputKey,OutputValue 'Outputs || `[]`' \
    ros GetStack --StackId "$STACK_ID" | sed 's/|/: /'
}

# change_set KEEP [AGAIN]: asks what an update would change; sets CHANGE_SET and CHANGES, both empty if nothing. KEEP
# says whether parameters that are not given keep their values.
change_set() {
  drop_change_sets
  CHANGE_SET='' CHANGES=''
  if ! CHANGE_SET=$(with_parameters table ChangeSetId '' ros CreateChangeSet \
    --StackId "$STACK_ID" --ChangeSetName "imc-refresh-$(date -u +%Y%m%d-%H%M%S)" --ChangeSetType UPDATE \
    --UsePreviousParameters "$1" --ReplacementOption Enabled --TemplateURL "$TEMPLATE" \
    --TimeoutInMinutes "$TIMEOUT" 2> "$WORK/error"); then
    if [ -z "${2-}" ] && grep -q ActionInProgress "$WORK/error"; then
      # An update of an earlier run has just begun, and was not shown yet.
      sleep 10
      settle
      change_set "$1" again
      return
    fi
    grep -q 'completely same' "$WORK/error" || { cat "$WORK/error" >&2; fail 'no change set could be made'; }
    CHANGE_SET=''
    return
  fi
  waited=0
  while :; do
    row=$(table Status,StatusReason '' \
      ros GetChangeSet --ChangeSetId "$CHANGE_SET") || row=''
    case $row in
      CREATE_COMPLETE*) break ;;
      *_FAILED*'completely same'* | *_FAILED*'o change'*) drop_change_sets; CHANGE_SET=''; return ;;
      *_FAILED*) fail "the change set could not be made: $row" ;;
    esac
    [ "$waited" -lt 300 ] || fail "the change set is still ${row:-not known} after 5 minutes"
    sleep 5
    waited=$((waited + 5))
  done
  change=ResourceChange
  CHANGES=$(table "$change.Action,$change.LogicalResourceId,$change.ResourceType,$change.Replacement" \
    'Changes || `[]`' ros GetChangeSet --ChangeSetId "$CHANGE_SET") ||
    fail 'the change set could not be read'
  [ -n "$CHANGES" ] || { drop_change_sets; CHANGE_SET=''; }
}

# drop_change_sets: of ours, and of earlier runs that were ended half way.
drop_change_sets() {
  table ChangeSetId "ChangeSets[?starts_with(ChangeSetName, 'imc-refresh-')] || \`[]\`" \
    ros ListChangeSets --StackId "$STACK_ID" --PageSize 50 2> /dev/null |
    while read -r old; do
      ros DeleteChangeSet --ChangeSetId "$old" > /dev/null 2>&1 || :
    done
}

show_changes() {
  [ -n "$CHANGES" ] || { say 'Nothing changes.'; return; }
  printf '%s\n' "$CHANGES" | awk -F '|' '{
    print "  " $1 " " $2 " (" $3 ")" ($4 == "True" ? ", replaced" : $4 == "Conditional" ? ", perhaps replaced" : "")
  }'
}

# refuse_replacement: a replaced resource loses what is in it. What only configures a function has nothing in it.
refuse_replacement() {
  lost=$(printf '%s\n' "$CHANGES" | awk -F '|' -v allowed=" $REPLACE " '
    index(allowed, " " $2 " ") || $3 ~ /::(AsyncInvokeConfig|ConcurrencyConfig)$/ { next }
    $4 == "True" || ($4 == "Conditional" && $3 ~ /::(Project|Logstore|Queue)$/) { printf " %s", $2 }')
  [ -z "$lost" ] || { drop_change_sets; fail "would be replaced, with all that is in it:$lost (--replace NAME allows it)"; }
}

create_stack() {
  find_stack
  [ -z "$STACK_ID" ] || settle
  case ${STACK_ID:+$STATUS} in
    CREATE_FAILED | CREATE_ROLLBACK_*)
      say "The stack was never complete ($STATUS: $REASON): it is removed first."
      delete_stack
      STACK_ID=''
      ;;
    DELETE_FAILED) fail "the stack's removal failed ($REASON): \`remove\` goes on with it" ;;
  esac
  if [ -n "$STACK_ID" ]; then
    change_set false
    [ -n "$CHANGES" ] || { say 'The stack is there already, as it should be.'; outputs; return; }
    say 'The stack is there already, and differs; nothing was changed, as `update` does that:'
    show_changes
    drop_change_sets
    MADE=''
    exit 1
  fi
  SINCE=''
  STACK_ID=$(with_parameters table StackId '' ros CreateStack --StackName "$STACK" \
    --TemplateURL "$TEMPLATE" --TimeoutInMinutes "$TIMEOUT") || fail 'no stack was made'
  made "the stack $STACK_ID"
  settle
  [ "$STATUS" = CREATE_COMPLETE ] || { explain; exit 1; }
  outputs
}

# existing_stack: the stack, with nothing in progress, and in a state that can be updated.
existing_stack() {
  find_stack
  [ -n "$STACK_ID" ] || fail "there is no stack $STACK in $REGION: \`create\` makes it"
  settle
  case $STATUS in
    CREATE_COMPLETE | CHECK_* | IMPORT_* | ROLLBACK_* | UPDATE_*) ;;
    CREATE_*) fail "the stack was never complete ($STATUS: $REASON): \`create\` makes it anew" ;;
    *) fail "the stack is $STATUS ($REASON): \`remove\` goes on with it" ;;
  esac
}

diff_stack() {
  existing_stack
  change_set true
  show_changes
  [ -z "$CHANGE_SET" ] || drop_change_sets
}

update_stack() {
  existing_stack
  change_set true
  show_changes
  wanted=$STATUS
  if [ -n "$CHANGE_SET" ]; then
    refuse_replacement
    wanted=UPDATE_COMPLETE before="$STATUS $UPDATED"
    remember_events
    ros ExecuteChangeSet --ChangeSetId "$CHANGE_SET" > /dev/null ||
      fail 'the change set was not run: the stack is as it was'
    made "an update of the stack $STACK_ID"
    settle "$before"
  fi
  PREFIX=$(parameter NamePrefix)
  [ "$STATUS" = "$wanted" ] || explain
  keep_configurations
  [ "$STATUS" = "$wanted" ] || exit 1
  outputs
}

# keep_configuration PATH BODY SIGN: ROS replaces such a configuration, and which is last, the making of the new one or
# the deletion of the old one at the same path, no page says. SIGN is in the answer if it is there.
keep_configuration() {
  if aliyun fc GET "/2023-03-30/functions/$1" --region "$REGION" > "$WORK/config" 2> "$WORK/error"; then
    ! grep -Eq "$3" "$WORK/config" || return 0
  elif grep -q FunctionNotFound "$WORK/error"; then
    return 0
  elif ! grep -Eq 'NotFound|NotExist' "$WORK/error"; then
    cat "$WORK/error" >&2
    fail "whether functions/$1 is there still could not be seen"
  fi
  aliyun fc PUT "/2023-03-30/functions/$1" --region "$REGION" --header Content-Type=application/json \
    --body "$2" > /dev/null || fail "functions/$1 is lost, and could not be put back"
  say "Put back functions/$1, which the replacement had deleted"
}

# delete_stack: of STACK_ID, to the end.
delete_stack() {
  remember_events
  ros DeleteStack --StackId "$STACK_ID" > /dev/null || fail 'the stack was not deleted'
  settle "$STATUS $UPDATED"
  [ "$STATUS" = DELETE_COMPLETE ] || { explain; exit 1; }
}

remove_stack() {
  find_stack
  [ -n "$STACK_ID" ] || { say "There is no stack $STACK in $REGION."; return; }
  settle
  [ "$STATUS" = DELETE_COMPLETE ] || delete_stack
  say 'The stack is removed. The objects in OSS and the service-linked roles stay.'
}
