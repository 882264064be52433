# rclone: copy, check, sync, move, server-side copy, listing, purge.
. "$INTEROP/lib.sh"
need rclone

# `rclone purge` sends one DELETE for the whole tree; a storage element takes that only when it is told to.
serve --set actors.se1.storage.recursive_delete=true --set actors.se2.storage.recursive_delete=false

RCLONE_WEBDAV_BEARER_TOKEN=$(token --scope storage.read:/ --scope storage.modify:/)
export RCLONE_WEBDAV_BEARER_TOKEN
export RCLONE_CONFIG_SE_TYPE=webdav RCLONE_CONFIG_SE_URL=$SE1_URL/wlcg RCLONE_CONFIG_SE_VENDOR=other
export RCLONE_CA_CERT=$CARNET_DIR/ca.pem RCLONE_CONFIG=$PWD/rclone.conf RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=1
: >rclone.conf

mkdir -p tree/deep/er "tree/with blank"
random_file tree/one 1
random_file tree/large 3000000
random_file tree/deep/er/file 5000
random_file "tree/with blank/a file, 100% plain" 700
: >tree/empty

says '16 .*hello.txt' "lsl" rclone lsl se:
ok "copy to" rclone copy tree se:tree
ok "check" rclone check --download tree se:tree
says '^ *3000000 large$' "ls" rclone ls se:tree
ok "copy back" rclone copy se:tree back
ok "the tree as it was" diff -r tree back
random_file tree/one 2
random_file tree/new 10
rm tree/deep/er/file
ok "sync" rclone sync tree se:tree
ok "check after sync" rclone check --download tree se:tree
refuse "what sync removed" rclone lsl se:tree/deep/er/file --error-on-no-transfer
ok "server-side copy of a file" rclone copyto -vv se:tree/large se:copied
ok "server-side copy of a tree" rclone copy se:tree se:tree2
ok "check of the copy" rclone check --download tree se:tree2
ok "move of a file" rclone moveto se:copied se:moved
says '^ *3000000 moved$' "what was moved" rclone ls se:moved
ok "move of a tree" rclone move se:tree2 se:tree3
ok "check of what was moved" rclone check --download tree se:tree3
says 'PUT|wrote|Hello|5' "rcat" bash -c 'echo 5678 | rclone rcat se:typed && rclone cat se:typed'
ok "overwrite with a shorter file" bash -c 'head -c 100 tree/large >shorter && rclone copyto --ignore-times shorter se:moved'
says '^ *100 moved$' "the shorter file" rclone ls se:moved
ok "deletefile" rclone deletefile se:moved
ok "mkdir" rclone mkdir se:made/deep
ok "rmdirs" rclone rmdirs se:made
ok "purge" rclone purge se:tree
refuse "what was purged" rclone lsf se:tree
RCLONE_CONFIG_SE_URL=$SE2_URL/wlcg
ok "a tree for the other storage element" rclone copy tree se:tree
refuse "purge where a collection with members stays" rclone purge se:tree
ok "rmdir after its members" bash -c 'rclone delete se:tree && rclone rmdirs se:tree'
refuse "without a token" env -u RCLONE_WEBDAV_BEARER_TOKEN rclone lsf se:
finish
